"""InternVideo2's stage 2 in PyTorch's own layers under the checkpoint's names, for PEFT to wrap (models.md 2)."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

TINY = Path(__file__).resolve().parents[1] / "fixtures" / "internvideo2_tiny"
OUTPUTS = ("video_embed", "text_embed", "matching")


def attend(heads, query, key, value, mask=None):
    """Attention of `[batch, tokens, width]` over `heads` heads."""
    split = lambda x: x.unflatten(-1, (heads, -1)).transpose(1, 2)
    attended = functional.scaled_dot_product_attention(split(query), split(key), split(value), attn_mask=mask)
    return attended.transpose(1, 2).flatten(2)


class Scale(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * self.gamma


class VisionAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)
        self.q_norm, self.k_norm = nn.RMSNorm(width, 1e-6), nn.RMSNorm(width, 1e-6)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, -1)
        return self.proj(attend(self.heads, self.q_norm(q), self.k_norm(k), v))


class VisionBlock(nn.Module):
    def __init__(self, width, heads, hidden, gelu):
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(width, 1e-6), nn.RMSNorm(width, 1e-6)
        self.attn = VisionAttention(width, heads)
        self.mlp = nn.Sequential()
        self.mlp.add_module("fc1", nn.Linear(width, hidden))
        self.mlp.add_module("gelu", nn.GELU(approximate=gelu))
        self.mlp.add_module("fc2", nn.Linear(hidden, width))
        self.ls1, self.ls2 = Scale(width), Scale(width)

    def forward(self, x):
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class CrossAttention(nn.Module):
    def __init__(self, width, heads, out):
        super().__init__()
        self.heads = heads
        for name in "qkv":
            setattr(self, name, nn.Linear(width, width, bias=False))
            setattr(self, f"{name}_bias", nn.Parameter(torch.zeros(width)))
        self.proj = nn.Linear(width, out)

    def forward(self, query, key, value):
        q, k, v = self.q(query) + self.q_bias, self.k(key) + self.k_bias, self.v(value) + self.v_bias
        return self.proj(attend(self.heads, q, k, v))


class Pooling(nn.Module):
    def __init__(self, width, heads, out):
        super().__init__()
        self.norm1_q, self.norm1_k, self.norm1_v = (nn.LayerNorm(width) for _ in range(3))
        self.cross_attn = CrossAttention(width, heads, out)

    def forward(self, x):
        query = self.norm1_q(x.mean(1, keepdim=True))
        return self.cross_attn(query, self.norm1_k(x), self.norm1_v(x))[:, 0]


class VisionEncoder(nn.Module):
    def __init__(self, config, gelu):
        super().__init__()
        width, patch, frames = config["vw"], config["patch"], config["frames"]
        patches = (config["res"] // patch) ** 2
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + frames * patches, width))
        self.img_pos_embed = nn.Parameter(torch.zeros(1, 1 + patches, width))
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv3d(3, width, (1, patch, patch), (1, patch, patch))
        blocks = [VisionBlock(width, config["vh"], config["mlp_hidden"], gelu) for _ in range(config["vl"])]
        self.blocks = nn.ModuleList(blocks)
        self.clip_projector = Pooling(width, config["pool_heads"], config["clip_embed"])

    def forward(self, pixels):
        x = self.patch_embed.proj(pixels.transpose(1, 2)).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return x, self.clip_projector(x)


class Output(nn.Module):
    def __init__(self, inputs, width):
        super().__init__()
        self.dense = nn.Linear(inputs, width)
        self.LayerNorm = nn.LayerNorm(width, 1e-12)

    def forward(self, x, onto):
        return self.LayerNorm(onto + self.dense(x))


class BertAttention(nn.Module):
    def __init__(self, width, seen, heads):
        super().__init__()
        self.heads = heads
        projections = nn.Module()
        projections.query = nn.Linear(width, width)
        projections.key, projections.value = nn.Linear(seen, width), nn.Linear(seen, width)
        self.add_module("self", projections)
        self.output = Output(width, width)

    def forward(self, x, seen, mask=None):
        maps = getattr(self, "self")
        return self.output(attend(self.heads, maps.query(x), maps.key(seen), maps.value(seen), mask), x)


class BertBlock(nn.Module):
    def __init__(self, config, matches):
        super().__init__()
        width, hidden = config["tw"], config["ti"]
        self.attention = BertAttention(width, width, config["th"])
        if matches:
            self.crossattention = BertAttention(width, config["vw"], config["th"])
        self.intermediate = nn.Module()
        self.intermediate.dense = nn.Linear(width, hidden)
        self.output = Output(hidden, width)

    def forward(self, x, mask, video=None):
        x = self.attention(x, x, mask)
        if video is not None:
            x = self.crossattention(x, video)
        return self.output(functional.gelu(self.intermediate.dense(x)), x)


class Bert(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, self.fusion = config["tw"], config["fusion"]
        self.embeddings = nn.Module()
        self.embeddings.word_embeddings = nn.Embedding(config["vocab"], width)
        self.embeddings.position_embeddings = nn.Embedding(config["maxpos"], width)
        self.embeddings.token_type_embeddings = nn.Embedding(2, width)
        self.embeddings.LayerNorm = nn.LayerNorm(width, 1e-12)
        self.encoder = nn.Module()
        self.encoder.layer = nn.ModuleList([BertBlock(config, i >= self.fusion) for i in range(config["tl"])])

    def forward(self, ids):
        """Captions' states after the blocks that embed, and the mask of their padding."""
        parts = self.embeddings
        positions = parts.position_embeddings.weight[: ids.shape[1]] + parts.token_type_embeddings.weight[0]
        x = parts.LayerNorm(parts.word_embeddings(ids) + positions)
        mask = (ids == 0)[:, None, None] * -10000.0
        for block in self.encoder.layer[: self.fusion]:
            x = block(x, mask)
        return x, mask

    def fuse(self, x, mask, video):
        for block in self.encoder.layer[self.fusion :]:
            x = block(x, mask, video)
        return x


class Internvideo2(nn.Module):
    def __init__(self, config, gelu):
        super().__init__()
        self.vision_encoder = VisionEncoder(config, gelu)
        self.text_encoder = nn.Module()
        self.text_encoder.bert = Bert(config)
        self.vision_proj = nn.Linear(config["clip_embed"], config["embed"])
        self.text_proj = nn.Linear(config["tw"], config["embed"])
        self.itm_head = nn.Linear(config["tw"], 2)
        self.temp = nn.Parameter(torch.tensor(0.07))

    def forward(self, pixels, ids):
        tokens, pooled = self.vision_encoder(pixels)
        bert = self.text_encoder.bert
        states, mask = bert(ids)
        matching = [
            self.itm_head(bert.fuse(states, mask, video.expand(len(ids), -1, -1))[:, 0])[:, 1] for video in tokens
        ]
        return self.vision_proj(pooled), self.text_proj(states[:, 0]), torch.stack(matching)


def tiny(gelu="tanh"):
    """The model of fixture internvideo2_tiny, without what only pretraining needs; `gelu` as `nn.GELU` takes it."""
    model = Internvideo2(json.loads((TINY / "config.json").read_text()), gelu)
    stored = load_file(TINY / "checkpoint.safetensors")
    model.load_state_dict({key: stored[key] for key in model.state_dict()})
    return model.eval()


def inputs():
    """Pixels [2, 4, 3, 28, 28] and token ids [6, 24] of the fixture."""
    stored = load_file(TINY / "expected.safetensors")
    return stored["pixels_demo"], stored["token_ids"].long()


def outputs(model):
    """What a model gives for the inputs, by name."""
    with torch.no_grad():
        return dict(zip(OUTPUTS, model(*inputs())))


def difference(a, b):
    """Largest difference of two sets of outputs."""
    return max((a[name] - b[name]).abs().max().item() for name in OUTPUTS)


def check_itself():
    """That these layers compute what the original code does."""
    stored = load_file(TINY / "expected.safetensors")
    names = dict(zip(OUTPUTS, ("video_proj", "text_proj", "vtm_score")))
    worst = difference(outputs(tiny("none")), {ours: stored[theirs] for ours, theirs in names.items()})
    assert worst < 1e-4, f"the layers here are not InternVideo2's: off by {worst}"
    print(f"InternVideo2 in PyTorch against the original code: off by {worst:.1e}")
