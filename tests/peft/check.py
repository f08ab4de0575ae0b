"""Our adapter folders opened by the real `peft` package, and folders that it saves read by our program: of ViCLIP and of
InternVideo2.

    python check.py SGCR FOLDER       (tests/peft/run calls it: SGCR is the program, FOLDER holds ours/, ours_scene/ and page/)
"""

import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import internvideo2  # noqa: E402
import torch  # noqa: E402
import viclip  # noqa: E402
from peft import LoraConfig, PeftModel, get_peft_model  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from torch import nn  # noqa: E402

TOLERANCE = 1e-4
FIXTURES = viclip.TINY.parent


class Program:
    """`sgcr`, with a fixture as a model folder."""

    def __init__(self, path, work, fixture, tokenizer):
        self.path, self.work, self.base, self.fixture = path, work, work / "base", fixture
        self.call(
            "convert", "--checkpoint", fixture / "checkpoint.safetensors", "--config", fixture / "config.json",
            "--tokenizer", tokenizer, "--output", self.base,
        )

    def call(self, *arguments):
        done = subprocess.run([self.path, "--quiet", *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == 0, f"sgcr {arguments}: {done.stderr}"
        return done.stdout

    def captions(self):
        captions = json.loads((self.fixture / "captions.json").read_text())
        return [caption["text"] if isinstance(caption, dict) else caption for caption in captions]

    def clips(self, model, adapters):
        return [
            "--model", model or self.base, "--video", self.fixture / "inputs.safetensors", "--resize", "cv2-linear",
            "--frames", 4, *(f"--lora={adapter}" for adapter in adapters),
        ]

    def embeddings(self, *adapters, model=None):
        """What `sgcr embed` gives for the frames and captions of the fixture."""
        output = self.work / "embeddings.safetensors"
        clips = self.clips(model, adapters)
        self.call("embed", *clips, "--raw", "--allow-empty", "--output", output, "--text", *self.captions())
        found = load_file(output)
        return {"video_embed": found["video_embeds"], "text_embed": found["text_embeds"]}

    def outputs(self, *adapters, model=None):
        """The same, and what `sgcr score --match` says of every clip and caption; an empty caption has no score there."""
        captions = [caption for caption in self.captions() if caption]
        clips = self.call("score", "--match", "--json", *self.clips(model, adapters), "--text", *captions)
        scores = [[caption["matching"] for caption in clip["captions"]] for clip in json.loads(clips)]
        return self.embeddings(*adapters, model=model) | {"matching": torch.tensor(scores)}

    def written(self, answers):
        """Answers of PyTorch without the scores of empty captions."""
        kept = [at for at, caption in enumerate(self.captions()) if caption]
        return answers | {"matching": answers["matching"][:, kept]}


def report(what, difference, tolerance=TOLERANCE):
    print(f"{what}: off by {difference:.1e}")
    assert difference <= tolerance, what


def opened(folder, base=None):
    """A folder on ViCLIP, by peft; a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return PeftModel.from_pretrained(base or viclip.tiny(), folder).eval()


def ours_in_peft(program, folder):
    plain = viclip.embeddings(viclip.tiny())
    report("the program without adapters", viclip.difference(program.embeddings(), plain))
    model = opened(folder / "ours")
    answers = viclip.embeddings(model)
    assert viclip.difference(answers, plain) > 0.05, "the adapter changes nothing"
    report("our folder, opened by peft", viclip.difference(program.embeddings(folder / "ours"), answers))
    report("the temperature in it", abs(model.base_model.model.temp.item() - 0.02), 1e-7)

    merged = program.work / "merged"
    program.call("convert", "--model", program.base, "--lora", folder / "ours", "--output", merged)
    ours, theirs = load_file(merged / "model.safetensors"), opened(folder / "ours").merge_and_unload().state_dict()
    assert ours.keys() == theirs.keys()
    report("merged weights", max((ours[key] - theirs[key]).abs().max().item() for key in ours), 1e-6)
    report("the merged folder", viclip.difference(program.embeddings(model=merged), answers))


def pages_in_peft(program, folder):
    """What the page trained and exported."""
    plain, answers = viclip.embeddings(viclip.tiny()), viclip.embeddings(opened(folder / "page"))
    assert viclip.difference(answers, plain) > 0.01, "the page's adapter changes nothing"
    report("the page's export, opened by peft", viclip.difference(program.embeddings(folder / "page"), answers))


def container(names):
    """Modules that hold parameters under these dotted names."""
    root = nn.Module()
    for name, value in names.items():
        *path, last = name.split(".")
        module = root
        for part in path:
            if not hasattr(module, part):
                module.add_module(part, nn.Module())
            module = getattr(module, part)
        module.register_parameter(last, nn.Parameter(torch.zeros_like(value)))
    return root


def scene_tokens_travel(folder):
    """A PyTorch model with a module `sg` gets our scene-graph parameters."""
    prefix = "base_model.model.sg."
    stored = load_file(folder / "ours_scene" / "adapter_model.safetensors")
    scene = {key.removeprefix(prefix): value for key, value in stored.items() if key.startswith(prefix)}
    base = viclip.tiny()
    base.sg = container(scene)
    model = opened(folder / "ours_scene", base)
    loaded = dict(model.base_model.model.sg.modules_to_save["default"].named_parameters())
    assert loaded.keys() == scene.keys() and len(scene) > 30
    report("scene-graph parameters in peft", max((loaded[key] - scene[key]).abs().max().item() for key in scene), 0)


def peft_in_ours(program):
    """Adapters with fresh numbers, so that nothing is tuned to the committed ones."""
    for number, config in enumerate(
        [
            dict(r=5, lora_alpha=3, target_modules=["attn"]),
            dict(r=1, lora_alpha=1, target_modules=r"vision_encoder\..*\.c_proj", use_rslora=True),
            dict(r=2, lora_alpha=2, target_modules=["c_fc"], target_parameters=["attn.in_proj_weight"]),
        ]
    ):
        model = get_peft_model(viclip.tiny(), LoraConfig(**config))
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data = torch.randn_like(parameter) * 0.4
        folder = program.work / f"peft{number}"
        model.eval().save_pretrained(folder)
        answers = viclip.embeddings(model)
        report(f"peft's folder with {config}", viclip.difference(program.embeddings(folder), answers))
    again = program.work / "again"
    opened(program.work / "peft0").save_pretrained(again)
    difference = viclip.difference(program.embeddings(again), program.embeddings(program.work / "peft0"))
    report("a folder that peft saved again", difference, 0)


def internvideo2_both_ways(program):
    """An adapter that our trainer made, on the maps it chooses where none are named, opened by peft; and peft's in ours."""
    plain = internvideo2.outputs(internvideo2.tiny())
    report("InternVideo2 without adapters", internvideo2.difference(program.outputs(), program.written(plain)))

    run = program.work / "run"
    settings = ["steps=4", "batch=4", "learning_rate=0.02", "eval_clips=4", "lora.rank=3", "lora.towers=both"]
    sets = [word for setting in settings for word in ("--set", setting)]
    program.call("train", "--base", program.base, "--output", run, *sets)
    model = opened(run / "adapter", internvideo2.tiny())
    answers = internvideo2.outputs(model)
    assert internvideo2.difference(answers, plain) > 0.05, "the adapter changes nothing"
    ours = program.outputs(run / "adapter")
    report("our trained folder, opened by peft", internvideo2.difference(ours, program.written(answers)))
    merged = program.work / "merged"
    program.call("convert", "--model", program.base, "--lora", run / "adapter", "--output", merged)
    ours, theirs = load_file(merged / "model.safetensors"), model.merge_and_unload().state_dict()
    assert ours.keys() == theirs.keys()
    report("merged weights", max((ours[key] - theirs[key]).abs().max().item() for key in ours), 1e-5)

    for number, config in enumerate(
        [
            dict(r=4, lora_alpha=2, target_modules=["qkv", "attn.proj", "fc1", "fc2"]),
            dict(r=2, lora_alpha=1, target_modules=["query", "value", "output.dense"], use_rslora=True),
            dict(r=1, lora_alpha=3, target_modules=r".*\.crossattention\.self\.(key|value)"),
        ]
    ):
        model = get_peft_model(internvideo2.tiny(), LoraConfig(**config))
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data = torch.randn_like(parameter) * 0.3
        folder = program.work / f"peft{number}"
        model.eval().save_pretrained(folder)
        answers = internvideo2.outputs(model)
        assert internvideo2.difference(answers, plain) > 0.05, "the adapter changes nothing"
        ours = program.outputs(folder)
        report(f"peft's folder with {config}", internvideo2.difference(ours, program.written(answers)))


def main():
    program_path, folder = sys.argv[1], Path(sys.argv[2])
    viclip.check_itself()
    internvideo2.check_itself()
    with tempfile.TemporaryDirectory() as work:
        merges = FIXTURES / "clip_tokenizer/bpe_simple_vocab_16e6.txt.gz"
        program = Program(program_path, Path(work), viclip.TINY, merges)
        ours_in_peft(program, folder)
        pages_in_peft(program, folder)
        scene_tokens_travel(folder)
        peft_in_ours(program)
    with tempfile.TemporaryDirectory() as work:
        tiny = internvideo2.TINY
        internvideo2_both_ways(Program(program_path, Path(work), tiny, tiny / "vocab.txt"))
    print("ours and peft's agree")


if __name__ == "__main__":
    main()
