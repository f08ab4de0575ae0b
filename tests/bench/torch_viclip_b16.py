"""ViCLIP-B/16's video encoder in PyTorch eager, random weights: the peer of viclip_b16_speed.rs.

Prints one JSON line: seconds of the first (warm-up) call and of each measured call, peak resident bytes, threads.
Written from the model's description (models.md 1.3); speed depends on shapes alone.
"""
import argparse, json, resource, time
import torch
from torch import nn
import torch.nn.functional as F


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.c_fc, self.c_proj = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def attention(self, x):
        batch, tokens, dim = x.shape
        q, k, v = (t.reshape(batch, tokens, self.heads, -1).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))
        if EXPLICIT:  # the original code's way: nn.MultiheadAttention's score matrix, softmax, weighted sum
            y = torch.softmax(q @ k.transpose(-2, -1) * (dim // self.heads) ** -0.5, -1) @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).reshape(batch, tokens, dim))

    def forward(self, x):
        x = x + self.attention(self.ln_1(x))
        h = self.c_fc(self.ln_2(x))
        return x + self.c_proj(h * torch.sigmoid(1.702 * h))


class Encoder(nn.Module):
    def __init__(self, dim=768, layers=12, heads=12, patch=16, size=224, frames=8, joint=512):
        super().__init__()
        self.conv = nn.Conv2d(3, dim, patch, patch, bias=False)
        self.cls = nn.Parameter(torch.randn(dim))
        self.pos = nn.Parameter(torch.randn(1 + (size // patch) ** 2, dim) * 0.02)
        self.time = nn.Parameter(torch.randn(frames, dim) * 0.02)
        self.pre, self.post = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(layers))
        self.proj = nn.Parameter(torch.randn(dim, joint) * dim**-0.5)

    def forward(self, pixels):
        batch, frames = pixels.shape[:2]
        x = self.conv(pixels.flatten(0, 1)).flatten(2).transpose(1, 2)
        x = x.reshape(batch, frames, x.shape[1], -1) + self.pos[1:] + self.time[None, :, None]
        cls = (self.cls + self.pos[0]).expand(batch, 1, -1)
        x = self.pre(torch.cat([cls, x.flatten(1, 2)], 1))
        for block in self.blocks:
            x = block(x)
        return self.post(x[:, 0]) @ self.proj


parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--runs", type=int, default=3)
parser.add_argument("--explicit", action="store_true", help="explicit score matrix instead of the fused kernel")
args = parser.parse_args()
EXPLICIT = args.explicit
torch.set_num_threads(args.threads)
torch.manual_seed(0)
times = []
with torch.inference_mode():
    model, pixels = Encoder().eval(), torch.randn(1, 8, 3, 224, 224)
    for _ in range(args.runs + 1):
        start = time.perf_counter()
        model(pixels)
        times.append(time.perf_counter() - start)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"name": "torch", "warm_up_s": times[0], "runs_s": times[1:], "peak_bytes": peak, "version": torch.__version__}))
