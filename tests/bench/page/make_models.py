"""Writes one random ViCLIP twice: `model/` (what sgcr opens) and `viclip.onnx` (what onnxruntime opens), same weights."""
import argparse, json, pathlib, shutil
import onnx
from onnx_graph import video_encoder
from weights import TEXT, config, draw, write_folder

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--output", type=pathlib.Path, required=True)
parser.add_argument("--text", type=json.loads, default=TEXT, help="the text encoder, as in config.json")
parser.add_argument("--tokenizer", type=pathlib.Path, help="its tokenizer.json")
for name, value in dict(layers=12, frames=8, width=768, heads=12, patch=16, size=224, joint=512, seed=1).items():
    parser.add_argument(f"--{name}", type=int, default=value)
args = vars(parser.parse_args())
output, seed, tokenizer = args.pop("output"), args.pop("seed"), args.pop("tokenizer")
architecture = config(**args)
tensors = draw(architecture, seed)
write_folder(output / "model", architecture, tensors)
if tokenizer:
    shutil.copy(tokenizer, output / "model" / "tokenizer.json")
onnx.save(video_encoder(architecture, tensors), output / "viclip.onnx")
