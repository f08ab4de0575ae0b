"""ViCLIP in PyTorch's own layers under the checkpoint's names, for PEFT to wrap (models.md 1)."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

TINY = Path(__file__).resolve().parents[1] / "fixtures" / "viclip_tiny"


class QuickGELU(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_1 = nn.LayerNorm(width)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, 4 * width))
        self.mlp.add_module("gelu", QuickGELU())
        self.mlp.add_module("c_proj", nn.Linear(4 * width, width))

    def forward(self, x, mask):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, width, layers, heads):
        super().__init__()
        self.resblocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])

    def forward(self, x, mask=None):
        for block in self.resblocks:
            x = block(x, mask)
        return x


class VisionEncoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, patch, frames = config["vw"], config["patch"], config["frames"]
        patches = (config["res"] // patch) ** 2
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros(1 + patches, width))
        self.temporal_positional_embedding = nn.Parameter(torch.zeros(1, frames, width))
        self.proj = nn.Parameter(torch.zeros(width, config["embed"]))
        self.conv1 = nn.Conv3d(3, width, (1, patch, patch), (1, patch, patch), bias=False)
        self.ln_pre = nn.LayerNorm(width)
        self.ln_post = nn.LayerNorm(width)
        self.transformer = Transformer(width, config["vl"], config["vh"])

    def forward(self, pixels):
        batch, frames = pixels.shape[:2]
        x = self.conv1(pixels.transpose(1, 2)).flatten(3).permute(0, 2, 3, 1)
        x = x + self.positional_embedding[1:] + self.temporal_positional_embedding[:, :, None]
        cls = (self.class_embedding + self.positional_embedding[0]).expand(batch, 1, -1)
        x = self.transformer(self.ln_pre(torch.cat([cls, x.flatten(1, 2)], 1)))
        return self.ln_post(x)[:, 0] @ self.proj


class TextEncoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        width = config["tw"]
        self.token_embedding = nn.Embedding(config["vocab"], width)
        self.positional_embedding = nn.Parameter(torch.zeros(config["ctx"], width))
        self.text_projection = nn.Parameter(torch.zeros(width, config["embed"]))
        self.ln_final = nn.LayerNorm(width)
        self.transformer = Transformer(width, config["tl"], config["th"])

    def forward(self, ids):
        x = self.token_embedding(ids) + self.positional_embedding[: ids.shape[1]]
        mask = torch.full((ids.shape[1],) * 2, float("-inf")).triu(1)
        x = self.ln_final(self.transformer(x, mask))
        return x[torch.arange(len(ids)), ids.argmax(1)] @ self.text_projection


class Viclip(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.vision_encoder = VisionEncoder(config)
        self.text_encoder = TextEncoder(config)
        self.temp = nn.Parameter(torch.tensor(0.07))

    def forward(self, pixels, ids):
        return self.vision_encoder(pixels), self.text_encoder(ids)


def tiny():
    """The model of fixture viclip_tiny."""
    model = Viclip(json.loads((TINY / "config.json").read_text()))
    model.load_state_dict(load_file(TINY / "checkpoint.safetensors"))
    return model.eval()


def inputs():
    """Pixels [3, 4, 3, 32, 32] and token ids [6, 32] of fixture viclip_tiny."""
    stored = load_file(TINY / "expected.safetensors")
    return stored["pixels_demo"], stored["token_ids"].long()


def embeddings(model):
    """What a model gives for the inputs, by name."""
    with torch.no_grad():
        video, text = model(*inputs())
    return {"video_embed": video, "text_embed": text}


def difference(a, b):
    """Largest difference of two sets of embeddings."""
    return max((a[name] - b[name]).abs().max().item() for name in ("video_embed", "text_embed"))


def check_itself():
    """That these layers compute what the original code does."""
    worst = difference(embeddings(tiny()), load_file(TINY / "expected.safetensors"))
    assert worst < 1e-4, f"the layers here are not ViCLIP's: off by {worst}"
    print(f"ViCLIP in PyTorch against the original code: off by {worst:.1e}")
