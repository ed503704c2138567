"""The machine and the software of a run, as its record names them: no host name, no user, no path."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("torchvision", "numpy", "scikit-learn", "scikit-learn-intelex")  # torch and Python have keys of their own


def hardware(device: str = "cpu") -> dict[str, Any]:
    """Processor, logical cores and memory in GB (10^9 bytes), and the GPU when ``device`` is "cuda".

    What the system does not tell is left out.
    """
    told = {"processor": processor(), "cores": os.cpu_count(), "memory_gb": memory_gb()}
    if device.startswith("cuda"):
        import torch

        told["gpu"] = torch.cuda.get_device_name(device)
    return {name: value for name, value in told.items() if value}


def processor() -> str:
    """The name that the maker gave the processor, else its family, such as "aarch64"."""
    try:
        if sys.platform == "darwin":
            asked = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            name = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        else:
            lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            name = next((line.partition(":")[2] for line in lines if line.startswith("model name")), "")
    except (OSError, subprocess.CalledProcessError):
        name = ""
    return " ".join(name.split()) or platform.machine()


def memory_gb() -> float | None:
    """The memory of the machine in GB to one decimal; None where the system does not tell."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (ValueError, OSError):
        return None


def peak_memory_mb() -> int:
    """The most memory this process has held, in MB (Linux counts in KiB, macOS in bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6)


def packages() -> dict[str, str]:
    """The versions of :data:`PACKAGES`; one that is not installed is left out."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
