"""The network: a small Llama, with Hugging Face's names for its weights, so that any reader of Llama reads it."""

import json
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

import safetensors

BLOCK = 128  # queries a piece of the attention: what lies in their future is never computed


@dataclass(frozen=True)
class Shape:
    vocabulary: int
    context: int
    dim: int = 192
    hidden: int = 512
    layers: int = 4
    heads: int = 6
    kv_heads: int = 2
    eps: float = 1e-5
    theta: float = 10_000.0

    @property
    def head_dim(self):
        return self.dim // self.heads


class Norm(nn.Module):
    def __init__(self, dim, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(dim)), eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def rotated(x, cos, sin):
    """Rotary position: the first half of a head turns against the second."""
    left, right = x.chunk(2, -1)
    return torch.cat([left * cos - right * sin, right * cos + left * sin], -1)


class Attention(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        wide, narrow = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
        self.q_proj = nn.Linear(shape.dim, wide, bias=False)
        self.k_proj = nn.Linear(shape.dim, narrow, bias=False)
        self.v_proj = nn.Linear(shape.dim, narrow, bias=False)
        self.o_proj = nn.Linear(wide, shape.dim, bias=False)

    def forward(self, x, cos, sin):
        rows, length, _ = x.shape
        shape = self.shape
        group = shape.heads // shape.kv_heads
        # [rows, heads, length, head_dim]; query head h reads key head h // group.
        q = rotated(self.q_proj(x).view(rows, length, shape.heads, -1).transpose(1, 2), cos, sin)
        k = rotated(self.k_proj(x).view(rows, length, shape.kv_heads, -1).transpose(1, 2), cos, sin)
        v = self.v_proj(x).view(rows, length, shape.kv_heads, -1).transpose(1, 2)
        q = q.reshape(rows, shape.kv_heads, group, length, -1) * shape.head_dim**-0.5
        k, v = k.transpose(2, 3), v.contiguous()
        seen = []
        for first in range(0, length, BLOCK):
            last = min(first + BLOCK, length)
            block = q[:, :, :, first:last].reshape(rows, shape.kv_heads, group * (last - first), -1)
            scores = (block @ k[..., :last]).view(rows, shape.kv_heads, group, last - first, last)
            future = torch.ones(last - first, last, dtype=torch.bool).triu(first + 1)
            weights = scores.masked_fill(future, float("-inf")).softmax(-1)
            read = weights.view(rows, shape.kv_heads, -1, last) @ v[:, :, :last]
            seen.append(read.view(rows, shape.heads, last - first, -1))
        return self.o_proj(torch.cat(seen, 2).transpose(1, 2).reshape(rows, length, -1))


class Mlp(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.gate_proj = nn.Linear(shape.dim, shape.hidden, bias=False)
        self.up_proj = nn.Linear(shape.dim, shape.hidden, bias=False)
        self.down_proj = nn.Linear(shape.hidden, shape.dim, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.input_layernorm = Norm(shape.dim, shape.eps)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = Norm(shape.dim, shape.eps)
        self.mlp = Mlp(shape)

    def forward(self, x, cos, sin):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Body(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.dim)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = Norm(shape.dim, shape.eps)


class Bard(nn.Module):
    """[rows, length] tokens to [rows, length, vocabulary] logits. The embedding is also the last layer."""

    def __init__(self, shape):
        super().__init__()
        self.shape, self.model = shape, Body(shape)
        turns = shape.theta ** -(torch.arange(0, shape.head_dim, 2) / shape.head_dim)
        angles = torch.outer(torch.arange(shape.context).float(), turns)
        self.cos, self.sin = angles.cos(), angles.sin()
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                # What is added to the residual stream starts smaller the more layers add to it.
                last = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(weight, std=0.02 / (2 * shape.layers) ** 0.5 if last else 0.02)

    def forward(self, tokens):
        cos, sin = self.cos[: tokens.shape[1]], self.sin[: tokens.shape[1]]
        x = self.model.embed_tokens(tokens)
        for layer in self.model.layers:
            x = layer(x, cos, sin)
        return F.linear(self.model.norm(x), self.model.embed_tokens.weight)


def write(model, folder, end, notes):
    """The weights and what describes them, as a Hugging Face folder. `notes` go into the weights' metadata."""
    shape = model.shape
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": shape.context,
        "hidden_size": shape.dim,
        "intermediate_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "hidden_act": "silu",
        "rms_norm_eps": shape.eps,
        "rope_theta": shape.theta,
        "tie_word_embeddings": True,
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": end,
        "eos_token_id": end,
        "torch_dtype": "float32",
    }
    generation = {"bos_token_id": end, "eos_token_id": end, "do_sample": True, "temperature": 0.8, "top_p": 0.95}
    safetensors.write(folder / "model.safetensors", model.state_dict(), {"format": "pt", **notes})
    for name, value in {"config.json": config, "generation_config.json": generation}.items():
        (folder / name).write_text(json.dumps(value, indent=2) + "\n")


def read(folder):
    """A network from the folder that `write` made."""
    config = json.loads((folder / "config.json").read_text())
    names = {
        "vocabulary": "vocab_size",
        "context": "max_position_embeddings",
        "dim": "hidden_size",
        "hidden": "intermediate_size",
        "layers": "num_hidden_layers",
        "heads": "num_attention_heads",
        "kv_heads": "num_key_value_heads",
        "eps": "rms_norm_eps",
        "theta": "rope_theta",
    }
    model = Bard(Shape(**{ours: config[theirs] for ours, theirs in names.items()}))
    model.load_state_dict(safetensors.read(folder / "model.safetensors"))
    return model
