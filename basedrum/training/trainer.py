"""The players, their optimisers, and one step of a run.

A step is a function of (config, data, step, number of processes): batches and noise come from the seed and
the step alone.
"""

from __future__ import annotations

import contextlib
import copy
import json
import warnings
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from basedrum.corpus.phrases import PhraseDataset
from basedrum.errors import TrainingError, printable
from basedrum.models.condition import Condition
from basedrum.models.families import build_discriminator, build_generator
from basedrum.models.generator import Encoder
from basedrum.models.planner import Planner
from basedrum.training.batches import Batch, Batches
from basedrum.training.config import Config
from basedrum.training.ranking import play_after_itself, real_condition
from basedrum.training.step import (
    CriticObjective,
    GeneratorTurn,
    PlanTurn,
    draw_dice,
    draw_plan,
    draw_posterior_dice,
    follow_itself,
    fooling,
)

CLIP = 1.0
KL_RAMP_STEPS = 1000
RANKING_RAMP_STEPS = 100
LAST_RATE = 0.05


class Trainer:
    """The players, their optimisers, and one step of the run.

    Attributes:
        step: how many steps are done, warm-up included.
        averaged: the EMA generator, the one that is kept.
        sums: of each loss since the last look: its sum, and how often it was taken.
    """

    def __init__(
        self, config: Config, data: PhraseDataset, device: str = "cpu", rank: int = 0, world: int = 1
    ) -> None:
        self.config, self.device, self.rank, self.world = config, device, rank, world
        model, train = config.model, config.train
        torch.manual_seed(train.seed)
        if device.startswith(
            "cuda"
        ):  # half a percent of precision for twice the speed; the CPU is left exact
            torch.set_float32_matmul_precision("high")
            torch.backends.cudnn.benchmark = True
        self.batches = Batches(data, model, train)
        self.generator = build_generator(model).to(device)
        self.discriminator = build_discriminator(model).to(device)
        needs_encoder = model.family == "modern" and (train.warmup_steps or train.reconstruction)
        self.encoder = Encoder(model).to(device) if needs_encoder else None
        self.averaged = copy.deepcopy(self.generator).requires_grad_(False).eval()
        self.planner = Planner(model).to(device) if model.plans else None
        self.step = 0
        self.sums: dict[str, tuple[float, int]] = {}
        self._feed: Iterator[Batch] | None = None
        self.halved = train.precision == "bfloat16" or (train.precision == "auto" and _has_bfloat16(device))
        critic = CriticObjective(self.discriminator, train)
        self.turn_alone = GeneratorTurn(self.generator, self.encoder)
        own = list(self.turn_alone.parameters())
        self.warmup_optimizer = torch.optim.AdamW(own, train.warmup_lr, betas=(0.9, 0.98), weight_decay=0.01)
        self.generator_optimizer = torch.optim.Adam(own, train.generator_lr, betas=(train.beta1, train.beta2))
        judge = list(self.discriminator.parameters())
        self.critic_optimizer = torch.optim.Adam(judge, train.critic_lr, betas=(train.beta1, train.beta2))
        self.ranking_optimizer = torch.optim.AdamW(
            judge, train.ranking_lr, betas=(0.9, 0.98), weight_decay=0.05
        )
        self.plan_turn = None if self.planner is None else PlanTurn(self.planner)
        if self.planner is not None:
            self.plan_optimizer = torch.optim.AdamW(
                self.planner.parameters(), train.plan_lr, weight_decay=0.01
            )
            self.plan_turn = _shared(self.plan_turn) if world > 1 else self.plan_turn
        if world > 1:
            critic = _shared(critic)
        self.critic_objective = critic
        self.turn = _shared(self.turn_alone, find_unused_parameters=True) if world > 1 else self.turn_alone

    def advance(self) -> dict[str, float]:
        """Play one step. Raises TrainingError, with the players as they were before, on a loss that is not
        finite."""
        train, step = self.config.train, self.step
        dice = torch.Generator(self.device)
        dice.manual_seed(((train.seed * 1_000_003 + step) * 4099 + self.rank) % (1 << 62))
        game_over = train.warmup_steps + train.steps
        if step < game_over:
            batch = self._next_batch().to(self.device)
            losses = self._warm_up(batch, dice) if step < train.warmup_steps else self._play(batch, dice)
            self._average()
        else:
            losses = self._rank(dice)
        self.step += 1
        values = torch.stack([v.detach() for v in losses.values()])
        taken = dict(zip(losses, values.tolist(), strict=True))
        for name, value in taken.items():
            total, count = self.sums.get(name, (0.0, 0))
            self.sums[name] = (total + value, count + 1)
        return taken

    def _precision(self) -> contextlib.AbstractContextManager:
        return torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.halved)

    def _next_batch(self) -> Batch:
        """Return the batch of the step; on a GPU two processes draw ahead, which changes nothing but the
        time."""
        if self._feed is None:
            train = self.config.train
            steps = range(self.step, train.warmup_steps + train.steps)
            self._feed = iter(
                DataLoader(
                    self.batches.shared(self.rank, self.world),
                    batch_size=None,
                    sampler=steps,
                    num_workers=2 if self.device.startswith("cuda") else 0,
                )
            )
        return next(self._feed)

    def _warm_up(self, batch: Batch, dice: torch.Generator) -> dict[str, Tensor]:
        train = self.config.train
        posterior = draw_posterior_dice(len(batch.drums), self.config.model, dice)
        with self._precision():
            losses = self.turn(batch, posterior=posterior)[1]
        kl = train.kl * min(1.0, (self.step + 1) / KL_RAMP_STEPS)
        total = losses["likelihood"] + kl * losses["kl"] if "kl" in losses else losses["likelihood"]
        rate = _late_rate(self.step, train.warmup_steps, 0.7)
        self._descend(total, losses, self.warmup_optimizer, CLIP, rate)
        if self.plan_turn is not None:
            plan = self.plan_turn(batch)
            self._descend(plan["plan"], plan, self.plan_optimizer, CLIP, rate)
            losses |= plan
        return losses

    def _play(self, batch: Batch, dice: torch.Generator) -> dict[str, Tensor]:
        """The critic moves first, against the very drums the generator then learns from: they are played once
        for both."""
        train, model = self.config.train, self.config.model
        played = self.step - train.warmup_steps
        rate = _late_rate(played, train.steps, train.decay_from)
        generator_moves = train.generator_steps if played >= train.critic_first else 0
        losses: dict[str, Tensor] = {}
        for move in range(max(train.critic_steps, generator_moves)):
            before, now = draw_dice(len(batch.drums), model, train, dice)
            explain = train.reconstruction > 0 and move == 0 and played % train.reconstruction_every == 0
            posterior = (
                draw_posterior_dice(len(batch.drums), model, dice) if explain and generator_moves else None
            )
            with self._precision(), torch.set_grad_enabled(move < generator_moves):
                condition = follow_itself(self.generator, self.planner, batch, before, dice)
                player = self.turn if move < generator_moves else self.turn_alone
                plan = draw_plan(self.planner, condition, dice)
                fake, explained = player(batch, condition, now, posterior, plan)
            if move < train.critic_steps:
                losses |= self._move_critic(batch, fake.detach(), condition, dice, rate)
            if move < generator_moves:
                losses |= self._move_generator(batch, fake, condition, explained, rate)
        return losses

    def _rank(self, dice: torch.Generator) -> dict[str, Tensor]:
        train = self.config.train
        run = self.batches.draw_run(self.step, train.ranking_depth, self.rank, self.world).to(self.device)
        with self._precision():
            fake, condition = play_after_itself(self.averaged, self.planner, run, dice)
        ranked = self.step - train.total_steps + train.ranking_steps
        rate = min(1.0, (ranked + 1) / RANKING_RAMP_STEPS) * _late_rate(ranked, train.ranking_steps, 0.0)
        self.discriminator.requires_grad_(True)
        with self._precision():
            real = real_condition(run, condition)
            losses = self.critic_objective(
                run.drums, real, fake, condition, mismatch=train.ranking_mismatch, ranking=True
            )
        self._descend(torch.stack(list(losses.values())).sum(), losses, self.ranking_optimizer, CLIP, rate)
        return losses

    def _move_critic(
        self, batch: Batch, fake: Tensor, condition: Condition, dice: torch.Generator, rate: float
    ) -> dict[str, Tensor]:
        train = self.config.train
        played = self.step - train.warmup_steps
        mismatch = train.mismatch if played >= train.mismatch_from * train.steps else 0.0
        mix = torch.rand(len(fake), generator=dice, device=dice.device)
        self.discriminator.requires_grad_(True)
        with self._precision():
            penalise = played % train.penalty_every == 0
            losses = self.critic_objective(
                batch.drums, batch.condition, fake, condition, mix, mismatch, penalise
            )
        self._descend(losses["critic"], losses, self.critic_optimizer, None, rate)
        return losses

    def _move_generator(
        self, batch: Batch, fake: Tensor, condition: Condition, explained: dict[str, Tensor], rate: float
    ) -> dict[str, Tensor]:
        train = self.config.train
        self.discriminator.requires_grad_(False)
        with self._precision():
            losses = fooling(self.discriminator, batch, fake, condition, train)
        total = torch.stack(list(losses.values())).sum()
        if explained:
            cvae = explained["likelihood"] + (train.kl * explained["kl"] if "kl" in explained else 0.0)
            total = total + train.reconstruction * train.reconstruction_every * cvae
        losses |= explained
        self._descend(total, losses, self.generator_optimizer, None, rate)
        return losses

    def _descend(
        self, total: Tensor, losses: dict[str, Tensor], optimizer, clip: float | None, rate: float
    ) -> None:
        bad = [name for name, value in losses.items() if not torch.isfinite(value)]
        if bad or not torch.isfinite(total):
            raise TrainingError(
                f"step {self.step}: the loss {(bad or ['total'])[0]} is not finite, lower the learning rate or look at the "
                "data; the last checkpoint is kept"
            )
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        norm = nn.utils.clip_grad_norm_(parameters, clip or float("inf"))
        if not torch.isfinite(norm):
            raise TrainingError(
                f"step {self.step}: a gradient is not finite, lower the learning rate; the last checkpoint is kept"
            )
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("base_lr", group["lr"]) * rate
        optimizer.step()

    @torch.no_grad()
    def _average(self) -> None:
        """EMA that follows closely at first: decay min(ema, (1 + k) / (10 + k))."""
        decay = min(self.config.train.ema, (1 + self.step) / (10 + self.step))
        pairs = list(
            zip(self.averaged.state_dict().values(), self.generator.state_dict().values(), strict=True)
        )
        floats = [(a, b) for a, b in pairs if a.is_floating_point()]
        torch._foreach_lerp_([a for a, _ in floats], [b for _, b in floats], 1 - decay)
        for kept, value in pairs:
            if not kept.is_floating_point():
                kept.copy_(value)

    def state(self) -> dict:
        """Return everything that a later process needs to go on exactly."""
        return {
            "step": self.step,
            "sums": dict(self.sums),
            "config": self.config.to_dict(),
            "players": {name: dict(player.state_dict()) for name, player in self._players().items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self._optimizers().items()},
        }

    def _players(self) -> dict[str, nn.Module]:
        players = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "averaged": self.averaged,
        }
        more = {"encoder": self.encoder, "planner": self.planner}
        return players | {name: player for name, player in more.items() if player is not None}

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        optimizers = {
            "warmup": self.warmup_optimizer,
            "generator": self.generator_optimizer,
            "critic": self.critic_optimizer,
            "ranking": self.ranking_optimizer,
        }
        return optimizers if self.planner is None else optimizers | {"plan": self.plan_optimizer}

    def load_state(self, state: dict) -> None:
        """Go on from `state`. Raises TrainingError if it belongs to another model or training, or cannot be
        one's state."""
        try:
            self._load_state(state)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise TrainingError(
                f"resume: the checkpoint does not fit this training ({printable(error, 100)}), choose another run folder"
            ) from error

    def _load_state(self, state: dict) -> None:
        mine = json.loads(json.dumps(self.config.to_dict()))
        for section in ("model", "train"):
            for key, value in state["config"][section].items():
                harmless = section == "train" and key in ("evaluate_every", "save_every", "probe_phrases")
                if not harmless and mine[section].get(key) != value:
                    raise TrainingError(
                        f"resume: {section}.{key} was {value}, is now {mine[section].get(key)}, "
                        "give the same config or choose another run folder"
                    )
        if type(state["step"]) is not int or not 0 <= state["step"] <= self.config.train.total_steps:
            raise ValueError(f"step {state['step']}")
        self.step, self._feed = state["step"], None
        self.sums = {
            str(name): (float(total), int(count)) for name, (total, count) in state.get("sums", {}).items()
        }
        for name, player in self._players().items():
            player.load_state_dict(state["players"][name])
        for name, optimizer in self._optimizers().items():
            optimizer.load_state_dict(state["optimizers"][name])


def _shared(module: nn.Module, find_unused_parameters: bool = False) -> DistributedDataParallel:
    """Wrap a module so that all processes step with the mean of their gradients; its buffers stay each
    process's own."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", FutureWarning
        )  # torch 2.13 renames the option, but what replaces it does not do this
        return DistributedDataParallel(
            module, broadcast_buffers=False, find_unused_parameters=find_unused_parameters
        )


def _late_rate(step: int, steps: int, decay_from: float) -> float:
    """Return 1 until `decay_from` of the steps, then a line down to LAST_RATE."""
    part = step / max(1, steps)
    return (
        1.0
        if part <= decay_from
        else 1.0 - (1.0 - LAST_RATE) * (part - decay_from) / max(1e-9, 1.0 - decay_from)
    )


def _has_bfloat16(device: str) -> bool:
    """Return whether the device multiplies bfloat16 faster than float32."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(
        capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("arm_bf16")
    )
