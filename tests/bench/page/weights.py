"""Random weights of a ViCLIP under its checkpoint's names, and the model folder that sgcr opens."""
import json
import numpy as np
from safetensors.numpy import save_file

# The text encoder is not measured: the smallest that a folder may hold.
TEXT = dict(context_length=32, cleaning="plain", vocab_size=8, width=64, layers=1, heads=1)


def config(layers, frames, width, heads, patch, size, joint, text=TEXT):
    return dict(
        model_type="viclip", embed_dim=joint, activation="quick_gelu", layer_norm_eps=1e-5,
        vision=dict(image_size=size, patch_size=patch, width=width, layers=layers, heads=heads, frames=frames), text=text,
    )


def preprocess(frames, size):
    return dict(
        image_size=size, resize="torch-bicubic", mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225], frames=frames, sampling="middle",
    )


def draw(config, seed):
    """Tensors by name. The scales keep every part visible in the embedding, so that leaving one out shows in the cosine:
    positions as large as the patches they are added to, queries and keys large enough that attention picks few tokens."""
    random = np.random.default_rng(seed)
    normal = lambda scale, *shape: (random.standard_normal(shape, dtype=np.float32) * np.float32(scale))
    tensors = {}

    def norm(key, width):
        tensors[f"{key}.weight"], tensors[f"{key}.bias"] = 1 + normal(0.1, width), normal(0.1, width)

    def linear(key, outputs, inputs):
        tensors[f"{key}.weight"], tensors[f"{key}.bias"] = normal(inputs**-0.5, outputs, inputs), normal(0.1, outputs)

    def blocks(key, width, layers):
        for layer in range(layers):
            block = f"{key}.transformer.resblocks.{layer}"
            norm(f"{block}.ln_1", width), norm(f"{block}.ln_2", width)
            rows = normal(width**-0.5, 3 * width, width)
            rows[: 2 * width] *= 3**0.5
            tensors[f"{block}.attn.in_proj_weight"], tensors[f"{block}.attn.in_proj_bias"] = rows, normal(0.1, 3 * width)
            linear(f"{block}.attn.out_proj", width, width)
            linear(f"{block}.mlp.c_fc", 4 * width, width)
            linear(f"{block}.mlp.c_proj", width, 4 * width)

    vision, text, joint = config["vision"], config["text"], config["embed_dim"]
    width, patch = vision["width"], vision["patch_size"]
    patches = (vision["image_size"] // patch) ** 2
    key = "vision_encoder"
    tensors[f"{key}.class_embedding"] = normal(1, width)
    tensors[f"{key}.positional_embedding"] = normal(0.5, 1 + patches, width)
    tensors[f"{key}.temporal_positional_embedding"] = normal(0.5, 1, vision["frames"], width)
    tensors[f"{key}.conv1.weight"] = normal((3 * patch * patch) ** -0.5, width, 3, 1, patch, patch)
    norm(f"{key}.ln_pre", width), norm(f"{key}.ln_post", width)
    blocks(key, width, vision["layers"])
    tensors[f"{key}.proj"] = normal(width**-0.5, width, joint)

    key, width = "text_encoder", text["width"]
    tensors[f"{key}.token_embedding.weight"] = normal(1, text["vocab_size"], width)
    tensors[f"{key}.positional_embedding"] = normal(0.5, text["context_length"], width)
    blocks(key, width, text["layers"])
    norm(f"{key}.ln_final", width)
    tensors[f"{key}.text_projection"] = normal(width**-0.5, width, joint)
    tensors["temp"] = np.array(0.01, np.float32)
    return tensors


def write_folder(folder, config, tensors):
    folder.mkdir(parents=True, exist_ok=True)
    vision = config["vision"]
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocess(vision["frames"], vision["image_size"])))
    save_file(tensors, folder / "model.safetensors")
