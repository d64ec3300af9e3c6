"""The whole network as a program that runs without the code that made it, and the proof that it gives the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import torch
import torch._dynamo  # torch.export imports it, for seconds, at its first call: here it counts as what it is
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from helpers.errors import first_line, one_line

PT2, ONNX = "model.pt2", "model.onnx"
NEEDED_FOR_ONNX = ("onnx", "onnxscript", "onnxruntime")
SAME = 1e-4  # as a share of the largest answer: sums are ordered differently, and float32 keeps 7 digits
MOST_IMAGES = 32  # of the test part, to compare on


@dataclass(frozen=True)
class Program:
    """A file, or why there is none, and how its answers differ from the network's.

    `difference` is the largest of any logit, on `images` pictures in batches of two sizes; `of` is the largest logit.
    """

    file: str
    missing: str = ""
    difference: float = 0.0
    of: float = 0.0
    same_classes: bool = False
    images: int = 0

    @property
    def same(self) -> bool:
        """Whether the answers are the same, but for rounding; a NaN is not."""
        return not self.missing and self.same_classes and self.difference <= SAME * self.of

    def __str__(self) -> str:
        """One sentence, for the card and for the terminal."""
        if self.missing:
            return f"{self.file} is not there: {self.missing}"
        verdict = "the same classes" if self.same_classes else "OTHER CLASSES"
        return (
            f"{self.file}, read back from its file and asked about {self.images} test pictures: {verdict}, and no "
            f"logit is off by more than {self.difference:.1e} (the largest is {self.of:.1f})."
        )


def write_programs(network: nn.Module, images: Tensor, folder: Path) -> list[Program]:
    """Write `model.pt2`, and `model.onnx` where its packages are installed, each compared on `images` [n, 3, h, w].

    `network` is in `eval()` mode on the CPU. The files hold no picture of `images`, and no path of this machine. A file
    whose answers are others than the network's is taken away, and what comes back says so.
    """
    with torch.inference_mode():
        expected = network(images)
    try:
        program = exported(network, images.shape[1:])
    except Exception as error:  # torch.export says in many ways that it does not understand a network
        why = f"torch.export cannot follow this network ({one_line(first_line(error))[:160]})."
        return [Program(PT2, why), Program(ONNX, why)]
    torch.export.save(program, folder / PT2)
    made = [_compared(PT2, torch.export.load(folder / PT2).module(), images, expected)]
    made.append(_onnx(program, images, expected, folder))
    return [_or_none(one, folder) for one in made]


def _or_none(made: Program, folder: Path) -> Program:
    if made.same:
        return made
    (folder / made.file).unlink(missing_ok=True)
    return made if made.missing else Program(made.file, f"it is another function than the network. {made}")


def exported(network: nn.Module, shape: torch.Size) -> ExportedProgram:
    """`network` as a program for images [n, *shape] with any n of at least 1.

    The example is two black pictures: one would fix the batch at one, and the file keeps whatever example it was given.
    The notes on which line of which file each step came from are taken out: they name folders of this machine.
    """
    with torch.no_grad():
        program = torch.export.export(network, (torch.zeros(2, *shape),), dynamic_shapes=({0: Dim("batch", min=1)},))
    for module in program.graph_module.modules():
        for node in getattr(getattr(module, "graph", None), "nodes", ()):
            node.meta.pop("stack_trace", None)
    return program


def _compared(file: str, program: Callable[[Tensor], Tensor], images: Tensor, expected: Tensor) -> Program:
    """One picture by itself and then the rest, so that a batch of one size cannot pass for any."""
    with torch.inference_mode():
        found = torch.cat([program(batch) for batch in (images[:1], images[1:]) if len(batch)])
    return Program(
        file,
        difference=(found - expected).abs().max().item(),
        of=expected.abs().max().item(),
        same_classes=torch.equal(found.argmax(dim=1), expected.argmax(dim=1)),
        images=len(images),
    )


def _onnx(program: ExportedProgram, images: Tensor, expected: Tensor, folder: Path) -> Program:
    lacking = [name for name in NEEDED_FOR_ONNX if find_spec(name) is None]
    if lacking:
        return Program(
            ONNX, f"it is for other tools than PyTorch, and needs packages that are not here: {', '.join(lacking)}."
        )
    try:
        onnxruntime = import_module("onnxruntime")  # by its name: it is no part of the installation
        names = {"input_names": ["images"], "output_names": ["logits"]}
        torch.onnx.export(program, (), folder / ONNX, external_data=False, verbose=False, **names)
        session = onnxruntime.InferenceSession(folder / ONNX, providers=["CPUExecutionProvider"])
    except Exception as error:  # as above, and packages that do not fit together
        return Program(ONNX, f"torch.onnx cannot translate this network ({one_line(first_line(error))[:160]}).")

    def ask(batch: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {"images": batch.numpy()})[0])

    return _compared(ONNX, ask, images, expected)
