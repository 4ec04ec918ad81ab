"""The GPUs of this machine: which there are, what they are called, what they do."""

from __future__ import annotations

import os
import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final

from spacegen.errors import Fault, UsageError, how_many
from spacegen.tune.outcome import GpuUse

__all__ = [
    "GpuSampler",
    "cuda_environment",
    "gpu_names",
    "hardware_label",
    "numbered",
    "present_gpus",
    "read_gpus",
]

_VISIBLE: Final = "CUDA_VISIBLE_DEVICES"
_RANGE: Final = re.compile(r"(\d+)\s*-\s*(\d+)")
_UUID: Final = re.compile(r"(GPU|MIG)-[0-9A-Za-z/-]+")
_HINT: Final = "write numbers and ranges, such as `0-3,6`, or UUIDs as `nvidia-smi -L` lists them"
_MOST: Final = 1024
_MIB: Final = 2**20


@contextmanager
def _nvml() -> Iterator[Any | None]:
    """The library of the driver while it is open, or None where it is not installed or there is no driver."""
    try:
        import pynvml
    except ImportError:
        yield None
        return
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield None
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def present_gpus() -> tuple[str, ...]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES takes them: what that variable says, else
    all that the driver has (the parts of a GPU that is split by MIG), else none."""
    visible = os.environ.get(_VISIBLE)
    if visible is not None:
        # CUDA stops reading at the first entry that is no device.
        named = [word.strip() for word in visible.split(",")]
        end = next((i for i, word in enumerate(named) if not word or word == "-1"), len(named))
        return tuple(dict.fromkeys(numbered(named[:end])))
    return _installed()


def numbered(ids: Sequence[str]) -> tuple[str, ...]:
    """GPUs by their numbers where the driver knows their UUIDs, or what these begin with, so that each has
    one name; the others, and parts of a GPU, as they are called."""
    if not any(one.startswith("GPU-") for one in ids):
        return tuple(ids)
    with _nvml() as nvml:
        uuids = [] if nvml is None else _uuids(nvml)
    return tuple(_numbered(one, uuids) for one in ids)


def _uuids(nvml: Any) -> list[str]:
    devices = map(nvml.nvmlDeviceGetHandleByIndex, range(nvml.nvmlDeviceGetCount()))
    return [_text(nvml.nvmlDeviceGetUUID(device)) for device in devices]


def _numbered(one: str, uuids: Sequence[str]) -> str:
    found = [
        str(index) for index, uuid in enumerate(uuids) if one.startswith("GPU-") and uuid.startswith(one)
    ]
    return found[0] if len(found) == 1 else one


def _installed() -> tuple[str, ...]:
    with _nvml() as nvml:
        if nvml is None:
            return ()
        found: list[str] = []
        for index in range(nvml.nvmlDeviceGetCount()):
            parts = _parts(nvml, nvml.nvmlDeviceGetHandleByIndex(index))
            found.extend([str(index)] if parts is None else parts)
        return tuple(found)


def _parts(nvml: Any, device: Any) -> list[str] | None:
    """The MIG devices of a GPU, or None where it is whole."""
    try:
        current, _ = nvml.nvmlDeviceGetMigMode(device)
    except nvml.NVMLError:
        return None
    if not current:
        return None
    found = []
    for i in range(nvml.nvmlDeviceGetMaxMigDeviceCount(device)):
        try:
            part = nvml.nvmlDeviceGetMigDeviceHandleByIndex(device, i)
        except nvml.NVMLError:
            continue
        found.append(_text(nvml.nvmlDeviceGetUUID(part)))
    return found


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def read_gpus(text: str, *, here: bool = True) -> tuple[str, ...]:
    """The GPUs of `0-3,6`, in the order of the text. Raises UsageError, also for GPUs `here` that a machine
    with a driver does not have; without one, any will do: nothing is known then."""
    found: list[str] = []
    for word in (part.strip() for part in text.split(",")):
        found.extend(_ids(word, text))
    if here:
        found = list(numbered(found))
    _refuse_two_names(found, text)
    repeated = next((one for one, count in Counter(found).items() if count > 1), None)
    if repeated is not None:
        raise UsageError(Fault(f"`--gpus {text}` names GPU {repeated} twice"))
    installed = _installed() if here else ()
    if installed:
        _refuse_unknown(found, installed)
    return tuple(found)


def _refuse_two_names(ids: Sequence[str], text: str) -> None:
    """Raises UsageError for numbers beside UUIDs of which nobody knows the numbers: they may be one GPU."""
    if any(one.isdigit() for one in ids) and any(one.startswith("GPU-") for one in ids):
        hint = "write numbers alone, or UUIDs alone"
        raise UsageError(Fault(f"`--gpus {text}` may name one GPU in two ways", hint=hint))


def _ids(word: str, text: str) -> Sequence[str]:
    if word.isascii() and word.isdigit():
        return [str(int(word))]
    if (span := _RANGE.fullmatch(word)) is not None:
        first, last = int(span[1]), int(span[2])
        if first > last:
            hint = f"write `{last}-{first}`"
            raise UsageError(Fault(f"`{word}` in `--gpus {text}` ends before it starts", hint=hint))
        if last - first >= _MOST:
            raise UsageError(Fault(f"`{word}` in `--gpus {text}` names more than {_MOST:,} GPUs", hint=_HINT))
        return [str(number) for number in range(first, last + 1)]
    if _UUID.fullmatch(word):
        return [word]
    named = f"`{word}` in `--gpus {text}`" if word else f"an empty place in `--gpus {text}`"
    raise UsageError(Fault(f"{named} is no GPU", hint=_HINT))


def _refuse_unknown(ids: Sequence[str], installed: Sequence[str]) -> None:
    for one in ids:
        if one.isdigit() and one not in installed:
            split = any(name.startswith("MIG-") for name in installed)
            hint = f"this machine has {how_many(len(installed), 'GPU')}: {', '.join(installed)}"
            why = "is split by MIG or not there" if split else "is not there"
            raise UsageError(Fault(f"GPU {one} {why}", hint=hint))


def cuda_environment(ids: Sequence[str]) -> dict[str, str]:
    """Variables that show a process these GPUs alone, counted as the driver counts them."""
    return {_VISIBLE: ",".join(ids), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def _device(nvml: Any, one: str) -> Any:
    return nvml.nvmlDeviceGetHandleByIndex(int(one)) if one.isdigit() else nvml.nvmlDeviceGetHandleByUUID(one)


def hardware_label(ids: Sequence[str]) -> str | None:
    """What GPUs are called together (`8x NVIDIA H100 80GB HBM3`), or None where the driver does not say."""
    with _nvml() as nvml:
        if nvml is None or not ids:
            return None
        try:
            names = Counter(_text(nvml.nvmlDeviceGetName(_device(nvml, one))) for one in ids)
        except nvml.NVMLError:
            return None
        return " + ".join(f"{count}x {name}" for name, count in names.items())


def gpu_names(ids: Sequence[str]) -> str | None:
    """What GPUs are called, however many there are; None where the driver does not say."""
    label = hardware_label(ids)
    return None if label is None else " + ".join(sorted(re.sub(r"(^| )\d+x ", r"\1", label).split(" + ")))


class GpuSampler:
    """Looks at GPUs each second while its block runs; `use` then says what they did: the mean of their
    utilisation, and the most memory that was taken on one of them. None where the driver does not tell.

    Never fails: measuring goes on without it.
    """

    def __init__(self, ids: Sequence[str], interval: float = 1.0) -> None:
        self._ids = tuple(ids)
        self._interval = interval
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._shares: list[float] = []
        self._peak = 0.0

    @property
    def use(self) -> GpuUse | None:
        if not self._shares:
            return None
        mean = sum(self._shares) / len(self._shares)
        return GpuUse(utilisation=mean, peak_memory_mib=self._peak, samples=len(self._shares))

    def __enter__(self) -> GpuSampler:
        if self._ids:
            self._thread = threading.Thread(target=self._watch, name="gpu-sampler", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            # A driver that hangs must not hold up the study.
            self._thread.join(timeout=5.0)

    def _watch(self) -> None:
        with _nvml() as nvml:
            if nvml is None:
                return
            try:
                devices = [_device(nvml, one) for one in self._ids]
                while True:
                    self._look(nvml, devices)
                    if self._ended.wait(self._interval):
                        return
            except nvml.NVMLError:
                return

    def _look(self, nvml: Any, devices: Sequence[Any]) -> None:
        """One sample. A driver that fails later leaves what was seen before."""
        shares = [nvml.nvmlDeviceGetUtilizationRates(device).gpu / 100 for device in devices]
        taken = [nvml.nvmlDeviceGetMemoryInfo(device).used / _MIB for device in devices]
        self._shares.append(sum(shares) / len(shares))
        self._peak = max(self._peak, *taken)
