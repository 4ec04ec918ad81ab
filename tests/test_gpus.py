"""The GPUs of a machine, through a driver that is made up."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from spacegen.errors import UsageError
from spacegen.tune.gpus import (
    GpuSampler,
    cuda_environment,
    gpu_names,
    hardware_label,
    numbered,
    present_gpus,
    read_gpus,
)
from spacegen.tune.jobs import Job
from spacegen.tune.outcome import Outcome
from spacegen.tune.running.sites import Site, at_site
from spacegen.tune.setup import Setup, Timeouts
from spacegen.tune.workload import Workload
from tune_processes import until


class NVMLError(Exception):
    pass


@dataclass
class Gpu:
    name: str
    parts: list[str] = field(default_factory=list)
    shares: list[int] = field(default_factory=lambda: [50])
    used: int = 2**30


@dataclass
class Driver:
    """What NVML answers, under its own names."""

    gpus: list[Gpu]
    broken: bool = False
    opened: int = 0

    def module(self) -> ModuleType:
        made = ModuleType("pynvml")
        found = {name: getattr(self, name) for name in dir(self) if name.startswith("nvml")}
        vars(made).update(found, NVMLError=NVMLError)
        return made

    def nvmlInit(self) -> None:  # noqa: N802
        if self.broken:
            raise NVMLError("driver not loaded")
        self.opened += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.opened -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Gpu:  # noqa: N802
        if index >= len(self.gpus):
            raise NVMLError("invalid argument")
        return self.gpus[index]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> Gpu:  # noqa: N802
        return next(gpu for gpu in self.gpus if uuid in gpu.parts)

    def uuid(self, index: int) -> str:
        """That of a whole GPU: some begin alike."""
        return f"GPU-{index % 4}c{index}-ab"

    def nvmlDeviceGetName(self, gpu: Gpu) -> str:  # noqa: N802
        return gpu.name

    def nvmlDeviceGetMigMode(self, gpu: Gpu) -> tuple[int, int]:  # noqa: N802
        if gpu.name == "old":
            raise NVMLError("not supported")
        return (int(bool(gpu.parts)),) * 2

    def nvmlDeviceGetMaxMigDeviceCount(self, gpu: Gpu) -> int:  # noqa: N802
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, gpu: Gpu, index: int) -> tuple[Gpu, str]:  # noqa: N802
        if index >= len(gpu.parts):
            raise NVMLError("not found")
        return gpu, gpu.parts[index]

    def nvmlDeviceGetUUID(self, part: Gpu | tuple[Gpu, str]) -> str:  # noqa: N802
        if isinstance(part, Gpu):
            return self.uuid(next(i for i, gpu in enumerate(self.gpus) if gpu is part))
        return part[1]

    def nvmlDeviceGetUtilizationRates(self, gpu: Gpu) -> Any:  # noqa: N802
        if not gpu.shares:
            raise NVMLError("GPU is lost")
        share = gpu.shares.pop(0) if len(gpu.shares) > 1 or gpu.name == "dying" else gpu.shares[0]
        return type("Rates", (), {"gpu": share})

    def nvmlDeviceGetMemoryInfo(self, gpu: Gpu) -> Any:  # noqa: N802
        return type("Memory", (), {"used": gpu.used})


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = Driver([Gpu("NVIDIA H100 80GB HBM3") for _ in range(8)])
    monkeypatch.setitem(sys.modules, "pynvml", made.module())
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return made


@pytest.fixture
def no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.usefixtures("no_driver")
@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("0", "0"),
        ("0-3,6", "0 1 2 3 6"),
        ("0,MIG-a", "0 MIG-a"),
        (" 6 , 0 - 1 ", "6 0 1"),
        ("GPU-8f1c-22,MIG-ab/1/0", "GPU-8f1c-22 MIG-ab/1/0"),
        ("03", "3"),
    ],
)
def test_gpus_are_numbers_ranges_and_uuids(text: str, ids: str) -> None:
    assert read_gpus(text) == tuple(ids.split())


@pytest.mark.usefixtures("no_driver")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "an empty place in `--gpus ` is no GPU"),
        ("0,,1", "an empty place"),
        ("all", "`all` in `--gpus all` is no GPU"),
        ("3-0", "hint: write `0-3`"),
        ("0-3,2", "names GPU 2 twice"),
        ("0-99999999999", "more than 1,024"),
        ("0,GPU-ab", "may name one GPU in two ways"),
        ("-1", "is no GPU"),
        ("²", "is no GPU"),
    ],
)
def test_what_is_no_gpu_is_said(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_gpus(text)
    assert words in str(caught.value)


def test_the_gpus_of_another_machine_are_not_known_here(driver: Driver) -> None:
    assert read_gpus("8,9", here=False) == ("8", "9")


def test_a_machine_with_a_driver_knows_its_gpus(driver: Driver) -> None:
    with pytest.raises(UsageError, match="GPU 8 is not there") as caught:
        read_gpus("6-9")
    assert "8 GPUs: 0, 1, 2" in str(caught.value)
    assert driver.opened == 0


def test_present_gpus_are_those_of_the_driver(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    assert present_gpus() == tuple("01234567")
    driver.gpus[1:] = [Gpu("A100", parts=["MIG-a", "MIG-b"]), Gpu("old")]
    assert present_gpus() == ("0", "MIG-a", "MIG-b", "2")
    with pytest.raises(UsageError, match="split by MIG"):
        read_gpus("1")
    driver.broken = True
    assert present_gpus() == ()


@pytest.mark.parametrize(
    ("visible", "ids"),
    [("2,3", "2 3"), ("", ""), ("-1", ""), ("0,-1,1", "0"), ("GPU-a, GPU-b", "GPU-a GPU-b")],
)
def test_the_variable_of_cuda_wins(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, visible: str, ids: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert present_gpus() == tuple(ids.split())


def test_a_gpu_has_one_name(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_gpus("GPU-1c1-ab,GPU-2c6,0") == ("1", "6", "0")
    assert numbered(["GPU-1c", "GPU-ff", "MIG-a"]) == ("GPU-1c", "GPU-ff", "MIG-a")
    with pytest.raises(UsageError, match="names GPU 1 twice"):
        read_gpus("1,GPU-1c1-ab")
    assert read_gpus("GPU-1c1-ab", here=False) == ("GPU-1c1-ab",)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-3c3-ab,GPU-3c3")
    assert present_gpus() == ("3",)
    assert driver.opened == 0


def test_a_lease_knows_a_gpu_by_either_name(driver: Driver, tmp_path: Path) -> None:
    one = Setup(
        server="sglang",
        version="0.5.23",
        workload=Workload(),
        folder=tmp_path / "jobs",
        lease_folder=tmp_path / "leases",
        gpu_ids=("GPU-3c3-ab",),
    )
    seen: list[Outcome] = []

    def other(site: Site) -> Outcome:
        assert site.gpus == ("3",)
        setup = one.model_copy(update={"gpu_ids": ("3",), "timeouts": Timeouts(gpus=0.05)})
        seen.append(at_site(setup, Job(name="b", config={}), lambda *_: None, lambda _: Outcome()))
        return Outcome()

    assert at_site(one, Job(name="a", config={}), lambda *_: None, other).ok
    assert seen[0].failure is not None
    assert "not free within" in seen[0].failure.message


def test_names_of_gpus_are_without_numbers(driver: Driver) -> None:
    driver.gpus[0] = Gpu("NVIDIA L40S")
    assert gpu_names(("1", "2")) == gpu_names(("3",)) == "NVIDIA H100 80GB HBM3"
    assert gpu_names(("0", "1")) == "NVIDIA H100 80GB HBM3 + NVIDIA L40S"
    assert gpu_names(()) is None


def test_hardware_is_called_by_count_and_name(driver: Driver) -> None:
    assert hardware_label(tuple("01234567")) == "8x NVIDIA H100 80GB HBM3"
    driver.gpus[0] = Gpu("NVIDIA L40S")
    assert hardware_label(("0", "1", "2")) == "1x NVIDIA L40S + 2x NVIDIA H100 80GB HBM3"
    assert hardware_label(("99",)) is None
    assert hardware_label(()) is None


@pytest.mark.usefixtures("no_driver")
def test_without_a_driver_nothing_is_known() -> None:
    assert present_gpus() == ()
    assert hardware_label(("0",)) is None
    with GpuSampler(("0",)) as sampler:
        pass
    assert sampler.use is None


def test_a_process_is_shown_its_gpus_alone() -> None:
    assert cuda_environment(("4", "5")) == {"CUDA_VISIBLE_DEVICES": "4,5", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def _sampled(sampler: GpuSampler, samples: int) -> None:
    until(lambda: sampler.use is not None and sampler.use.samples >= samples)


def _given_up() -> None:
    """Waits until no sampler looks at GPUs any more."""
    until(lambda: all(thread.name != "gpu-sampler" for thread in threading.enumerate()))


def test_the_sampler_takes_the_mean_share_and_the_peak_memory(driver: Driver) -> None:
    driver.gpus[0].shares = [100]
    driver.gpus[1].shares = [0]
    driver.gpus[1].used = 3 * 2**30
    with GpuSampler(("0", "1"), interval=0.01) as sampler:
        _sampled(sampler, 3)
    use = sampler.use
    assert use is not None
    assert use.samples >= 3
    assert (use.utilisation, use.peak_memory_mib) == (0.5, 3072)
    assert driver.opened == 0


def test_the_driver_has_what_is_asked_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # Not the stand-in that all tests see.
    places = [place for place in sys.path if not place.endswith("no_driver")]
    spec = PathFinder.find_spec("pynvml", places)
    if spec is None or spec.loader is None:
        pytest.skip("nvidia-ml-py is not installed")
    real = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "pynvml", real)
    spec.loader.exec_module(real)
    asked = {name for name in vars(Driver) if name.startswith("nvml")}
    assert {name for name in asked if not callable(getattr(real, name, None))} == set()
    assert issubclass(real.NVMLError, Exception)


def test_a_gpu_that_is_lost_ends_the_sampling_not_the_run(driver: Driver) -> None:
    driver.gpus[0] = Gpu("dying", shares=[80])
    with GpuSampler(("0",), interval=0.01) as sampler:
        _sampled(sampler, 1)
        _given_up()
    assert sampler.use is not None
    assert sampler.use.samples == 1


def test_gpus_that_are_not_there_are_not_sampled(driver: Driver) -> None:
    with GpuSampler(("31",), interval=0.01) as sampler:
        _given_up()
    assert sampler.use is None
