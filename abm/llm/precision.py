"""The precision that a model of this process computes in, and what of this machine computes in it. Knows no model.

``bfloat16`` halves the weights, and is several times as fast as ``float32`` where the hardware multiplies it. Without such
hardware a CPU emulates it: slower, and with other roundings, so that a run would decide otherwise than where it began.
"""

from __future__ import annotations

from typing import Literal

from moloch.errors import InputError

Precision = Literal["auto", "float32", "bfloat16"]

FAST = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16"}
"""What CPUs call it, as torch reports it -> its name; ``auto`` takes bfloat16 where there is one of them, or CUDA."""
ENOUGH = FAST | {"bf16": "BF16 of ARM", "sve_bf16": "BF16 of ARM"}
"""The same, of all CPUs that compute in bfloat16."""


def hardware(device: str = "auto", known: dict[str, str] = ENOUGH) -> str:
    """Return what computes in bfloat16 where ``device`` is, in words; empty if nothing does.

    Args:
        device: as torch names it; ``auto`` is CUDA where there is one.
    """
    import torch

    if device.startswith("cuda") or (device == "auto" and torch.cuda.is_available()):
        return "CUDA" if torch.cuda.is_bf16_supported(including_emulation=False) else ""
    here = _capabilities()
    return " and ".join(dict.fromkeys(name for flag, name in known.items() if here.get(flag)))


def resolved(device: str = "auto") -> tuple[Precision, str]:
    """Return what ``auto`` stands for on this machine, and why, in words."""
    if by := hardware(device, FAST):
        return "bfloat16", f"this machine computes in it with {by}"
    return "float32", f"this machine has none of {', '.join(FAST.values())}, CUDA, which would compute in bfloat16"


def check(precision: str, device: str = "auto") -> None:
    """See that this machine computes in ``precision``.

    Raises:
        InputError: it does not.
    """
    if precision != "bfloat16" or hardware(device):
        return
    raise InputError(
        "this machine does not compute in bfloat16",
        where="setting 'precision'",
        why=f"it has none of {', '.join(dict.fromkeys(ENOUGH.values()))}, CUDA; a run keeps the precision that it began with",
        fix="Continue on a machine that does, or begin another run with --set precision=float32.",
    )


def _capabilities() -> dict[str, bool]:
    """Return what torch knows of this CPU."""
    from torch import cpu

    if (capabilities := getattr(cpu, "get_capabilities", None)) is not None:
        return dict(capabilities())
    return {"amx_bf16": cpu._is_amx_tile_supported(), "avx512_bf16": cpu._is_avx512_bf16_supported()}
