"""Small random models of each architecture family, saved as sentence-transformers folders."""

import json
from collections.abc import Callable
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    GteConfig,
    GteModel,
    ModernBertConfig,
    ModernBertModel,
    MPNetConfig,
    MPNetModel,
    NomicBertConfig,
    NomicBertModel,
    PreTrainedModel,
    Qwen3Config,
    Qwen3Model,
    XLMRobertaConfig,
    XLMRobertaModel,
)

LENGTH = 48
WORDS = "the contract ends when a party gives notice of breach or fails to pay rent in full".split()
LETTERS = "abcdefghijklmnopqrstuvwxyz.,:'"
SMALL = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
ROPE = {"rope_type": "default", "rope_theta": 100.0}


def wordpiece(frame: tuple[str, str] = ("[CLS]", "[SEP]")) -> Tokenizer:
    special = [frame[0], "[PAD]", frame[1], "[UNK]"]
    pieces = special + WORDS + list(LETTERS) + [f"##{letter}" for letter in LETTERS]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return framed(tokenizer, frame)


def unigram() -> Tokenizer:
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", *LETTERS, *(f"▁{word}" for word in WORDS)]
    scored = [(piece, -1.0 if piece.startswith("▁") else -5.0) for piece in pieces]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=3, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return framed(tokenizer, ("<s>", "</s>"))


def byte_level(frame: tuple[str, str]) -> Tokenizer:
    pieces = [*dict.fromkeys(["<s>", "<pad>", "</s>"]), *sorted(pre_tokenizers.ByteLevel.alphabet())]
    merges = [("Ġ", "t"), ("h", "e"), ("Ġt", "he"), ("o", "n"), ("e", "r")]
    pieces += ["".join(merge) for merge in merges]
    tokenizer = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return framed(tokenizer, frame)


def framed(tokenizer: Tokenizer, frame: tuple[str, str]) -> Tokenizer:
    first, last = frame
    ids = [(name, tokenizer.token_to_id(name)) for name in dict.fromkeys((first, last)) if name]
    tokenizer.add_special_tokens([name for name, _ in ids])
    single = f"{first} $A {last}".strip()
    tokenizer.post_processor = processors.TemplateProcessing(single=single, special_tokens=ids)
    return tokenizer


FAMILIES: dict[str, tuple[Callable[[int], PreTrainedModel], Callable[[], Tokenizer], str]] = {
    "bert": (
        lambda size: BertModel(BertConfig(vocab_size=size, max_position_embeddings=LENGTH, **SMALL)),
        wordpiece,
        "mean",
    ),
    "xlm_roberta": (
        lambda size: XLMRobertaModel(
            XLMRobertaConfig(vocab_size=size, max_position_embeddings=LENGTH + 2, type_vocab_size=1, **SMALL)
        ),
        unigram,
        "cls",
    ),
    "mpnet": (
        lambda size: MPNetModel(MPNetConfig(vocab_size=size, max_position_embeddings=LENGTH + 2, **SMALL)),
        lambda: wordpiece(("<s>", "</s>")),
        "mean",
    ),
    "modernbert": (
        lambda size: ModernBertModel(
            ModernBertConfig(
                vocab_size=size,
                max_position_embeddings=LENGTH,
                local_attention=8,
                global_attn_every_n_layers=2,
                pad_token_id=1,
                bos_token_id=0,
                eos_token_id=2,
                cls_token_id=0,
                sep_token_id=2,
                **SMALL,
            )
        ),
        lambda: byte_level(("<s>", "</s>")),
        "mean",
    ),
    "nomic_bert": (
        lambda size: NomicBertModel(
            NomicBertConfig(vocab_size=size, max_position_embeddings=LENGTH, rope_parameters=ROPE, **SMALL)
        ),
        wordpiece,
        "mean",
    ),
    "gte": (
        lambda size: GteModel(
            GteConfig(vocab_size=size, max_position_embeddings=LENGTH, rope_parameters=ROPE, **SMALL)
        ),
        unigram,
        "cls",
    ),
    "qwen3": (
        lambda size: Qwen3Model(
            Qwen3Config(
                vocab_size=size,
                max_position_embeddings=LENGTH,
                num_key_value_heads=2,
                head_dim=8,
                rope_parameters=ROPE,
                **SMALL,
            )
        ),
        lambda: byte_level(("", "</s>")),
        "lasttoken",
    ),
}


def save_model(
    family: str, folder: Path, *, prompts: dict[str, str] | None = None, pooling: str | None = None
) -> Path:
    """Write a tiny model of ``family`` with random weights; the seed is fixed."""
    make_model, make_tokenizer, own_pooling = FAMILIES[family]
    tokenizer = make_tokenizer()
    torch.manual_seed(7)
    model = make_model(tokenizer.get_vocab_size()).eval()
    spread_weights(model)
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    write(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": LENGTH},
    )
    names = {"bert": "[PAD]", "nomic_bert": "[PAD]", "mpnet": "[PAD]"}
    write(folder / "special_tokens_map.json", {"pad_token": names.get(family, "<pad>")})
    write(folder / "sentence_bert_config.json", {"max_seq_length": LENGTH, "do_lower_case": False})
    (folder / "1_Pooling").mkdir()
    write(
        folder / "1_Pooling" / "config.json",
        {"embedding_dimension": 32, "pooling_mode": pooling or own_pooling, "include_prompt": True},
    )
    prefix = "sentence_transformers.models."
    write(
        folder / "modules.json",
        [
            {"idx": 0, "name": "0", "path": "", "type": f"{prefix}Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{prefix}Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": f"{prefix}Normalize"},
        ],
    )
    write(
        folder / "config_sentence_transformers.json", {"prompts": prompts or {}, "default_prompt_name": None}
    )
    return folder


def spread_weights(model: PreTrainedModel) -> None:
    """Make weights large enough that attention is far from uniform."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.3)


def write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
