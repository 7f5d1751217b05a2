"""Trains a causal language model to write whole rankings."""

from __future__ import annotations

import math
import time
from random import Random
from typing import TYPE_CHECKING, Any

import torch

from encoders.errors import InvalidInputError
from encoders.optional import require
from retriever.rerank.answer_tokens import answer_label, answer_tokens
from retriever.rerank.prompts import render_prompt
from retriever.rerank.torch_batches import Batch, EncodedList, collate, importance_loss
from retriever.rerank.torch_model import encode, prompt_tokens, reserved_tokens
from retriever.rerank.training_options import TrainingOptions, TrainingStep, schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from retriever.rerank.prompts import PromptTemplate
    from retriever.rerank.training_data import ListwiseExample


class RerankerTrainer:
    """Prepares lists for one model and trains it.

    Args:
        model: a causal transformers model; it is changed in place, or wrapped when LoRA is asked for.
        tokenizer: the model's own.
        template: the wording that the model will be asked with.
        system_role: whether its chat template knows a system message.
    """

    def __init__(
        self, model: Any, tokenizer: Any, *, template: PromptTemplate, system_role: bool = True
    ) -> None:
        self.model = model
        self._tokenizer = tokenizer
        self._template = template
        self._system_role = system_role
        self._reserved = reserved_tokens(tokenizer)
        self._end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
        self._pieces: dict[str, list[int]] = {}

    def train(
        self,
        examples: Sequence[ListwiseExample],
        options: TrainingOptions,
        *,
        on_step: Callable[[TrainingStep], None] | None = None,
    ) -> list[float]:
        """Train on labelled lists and return the loss of every step.

        Args:
            examples: lists with their order; each must fit the model's context.
            options: see `TrainingOptions`.
            on_step: called after every step.

        Raises:
            InvalidInputError: no list, one without a label, or one longer than the model reads.
            MissingDependencyError: LoRA is asked for and peft is not installed.
        """
        random = Random(options.seed)
        encoded = [
            self._encode(example, _identifiers(len(example.passages), options, random), options)
            for example in examples
        ]
        if not encoded:
            raise InvalidInputError("there is no list to train on")
        torch.manual_seed(options.seed)
        self._prepare(options)
        trained = [weight for weight in self.model.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(
            trained, lr=options.learning_rate, betas=(0.9, 0.98), weight_decay=options.weight_decay
        )
        per_epoch = math.ceil(math.ceil(len(encoded) / options.batch_size) / options.accumulation)
        steps = per_epoch * options.epochs
        losses = []
        started = time.monotonic()
        for step, batches in enumerate(self._steps(encoded, options), start=1):
            for group in optimizer.param_groups:
                group["lr"] = options.learning_rate * schedule(step, steps, options.warmup_steps)
            losses.append(self._step(batches, optimizer, trained, options))
            if on_step:
                on_step(TrainingStep(step, steps, losses[-1], time.monotonic() - started))
        self.model.eval()
        return losses

    def merged(self) -> Any:
        """Return the model to save: what LoRA learned is added to the weights."""
        return self.model.merge_and_unload() if hasattr(self.model, "merge_and_unload") else self.model

    def _prepare(self, options: TrainingOptions) -> None:
        if options.lora:
            peft = require("peft", extra="train")
            config = peft.LoraConfig(
                task_type="CAUSAL_LM",
                target_modules="all-linear",
                r=options.lora.rank,
                lora_alpha=options.lora.alpha,
                lora_dropout=options.lora.dropout,
            )
            self.model = peft.get_peft_model(self.model, config)
        if options.checkpointing:
            self.model.gradient_checkpointing_enable()
            self.model.enable_input_require_grads()
        self.model.train()

    def _steps(
        self, encoded: Sequence[EncodedList], options: TrainingOptions
    ) -> Iterator[list[list[EncodedList]]]:
        """Yield the batches of each step; lists of like length go together, in an order that varies."""
        random = Random(options.seed)
        for _ in range(options.epochs):
            order = sorted(encoded, key=lambda one: one.length + random.random() * 0.2 * one.length)
            size = options.batch_size
            batches = [order[start : start + size] for start in range(0, len(order), size)]
            random.shuffle(batches)
            for start in range(0, len(batches), options.accumulation):
                yield batches[start : start + options.accumulation]

    def _step(
        self,
        batches: Sequence[Sequence[EncodedList]],
        optimizer: torch.optim.Optimizer,
        trained: Sequence[torch.nn.Parameter],
        options: TrainingOptions,
    ) -> float:
        total = 0.0
        for lists in batches:
            batch = collate(lists, padding=self._tokenizer.pad_token_id or 0, device=self.model.device)
            loss = self._loss(batch, options.noise) / len(batches)
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(trained, options.clip_norm)
        optimizer.step()
        optimizer.zero_grad()
        return total

    def _loss(self, batch: Batch, noise: float) -> torch.Tensor:
        answer = batch.labels.shape[1]
        embeddings = self.model.get_input_embeddings()(batch.ids)
        if noise:
            scale = noise / math.sqrt(embeddings.shape[1] * embeddings.shape[2])
            embeddings = embeddings + torch.empty_like(embeddings).uniform_(-scale, scale)
        output = self.model(
            inputs_embeds=embeddings,
            attention_mask=batch.mask,
            position_ids=(batch.mask.cumsum(dim=1) - 1).clamp(min=0),
            use_cache=False,
            logits_to_keep=answer + 1,
        )
        return importance_loss(output.logits[:, :-1], batch.labels, batch.weights)

    def _encode(
        self, example: ListwiseExample, identifiers: tuple[str, ...], options: TrainingOptions
    ) -> EncodedList:
        if not example.order:
            raise InvalidInputError("a list without an order cannot be trained on; label it first")
        size = len(example.passages)
        prompt = render_prompt(
            self._template,
            example.query,
            example.passages,
            identifiers=identifiers,
            wanted=size,
            reserved=self._reserved,
        )
        label = answer_label(
            answer_tokens(self._encode_text, identifiers),
            example.order,
            end=self._end,
            importance=options.importance,
            separator_weight=options.separator_weight,
        )
        tokens = prompt_tokens(self._tokenizer, prompt, system_role=self._system_role)
        encoded = EncodedList(tuple(tokens), label)
        limit = getattr(self.model.config, "max_position_embeddings", None)
        if limit is not None and encoded.length > limit:
            raise InvalidInputError(
                f"a list of {size} passages takes {encoded.length} tokens, the model reads {limit}; cut the "
                "passages shorter",
                tokens=encoded.length,
                limit=limit,
            )
        return encoded

    def _encode_text(self, text: str) -> list[int]:
        if text not in self._pieces:
            self._pieces[text] = encode(self._tokenizer, text)
        return self._pieces[text]


def _identifiers(size: int, options: TrainingOptions, random: Random) -> tuple[str, ...]:
    highest = options.identifier_range or size
    if highest < size:
        raise InvalidInputError(f"identifier_range {highest} is less than the {size} passages of a list")
    return tuple(str(number) for number in sorted(random.sample(range(1, highest + 1), size)))
