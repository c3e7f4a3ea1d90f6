"""What the PyTorch engines share: the model's file, what is loaded, and the protocol of engines/serve.mjs."""
import ctypes
import json
import re
import sys
import time

import torch


def read_model(path, threads):
    """The model's JSON, and its tensors by name."""
    torch.set_num_threads(threads)
    with open(path) as file:
        model = json.load(file)
    with open(model["weights"], "rb") as file:
        flat = torch.frombuffer(bytearray(file.read()), dtype=torch.float32)
    tensors = {
        entry["name"]: flat[entry["offset"] : entry["offset"] + entry["size"]].clone().reshape(entry["shape"])
        for entry in model["tensors"]
    }
    return model, tensors


def blas():
    """The BLAS that is really loaded, by asking it."""
    with open("/proc/self/maps") as maps:
        files = sorted(set(re.findall(r"/\S*(?:blas|mkl)\S*\.so\S*", maps.read())))
    for file in files:
        try:
            config = ctypes.CDLL(file).openblas_get_config
        except (AttributeError, OSError):
            continue
        config.restype = ctypes.c_char_p
        words = config().decode().split()
        core = [word for word in words[2:] if not re.search("=|_", word)]
        return f"{words[0]} {words[1]} ({' '.join(core)})"
    return "BLAS " + ", ".join(files) if files else "no BLAS"


def version():
    """Debian's package says 1.13.1 where the library says 1.13.0a0."""
    try:
        with open("/var/lib/dpkg/status") as status:
            found = re.search(r"Package: python3-torch\n(?:.+\n)*?Version: ([\d.]+)", status.read())
        return found.group(1) + ", Debian" if found else torch.__version__
    except OSError:
        return torch.__version__


def say(message):
    print(json.dumps(message), flush=True)


def serve(threads, step):
    """`step()` does one piece of work and returns a number that tells whether it did the same as others."""
    torch.ones(64, 64) @ torch.ones(64, 64)  # loads the BLAS
    say({"build": f"PyTorch {version()}, {blas()}, {threads} thread{'s' if threads > 1 else ''}"})
    for line in sys.stdin:
        times, computed, losses = [], [], []
        try:
            for _ in range(json.loads(line)["steps"]):
                cpu = time.process_time()
                before = time.perf_counter()
                losses.append(step())
                times.append((time.perf_counter() - before) * 1000)
                computed.append((time.process_time() - cpu) * 1000)
            say({"ms": times, "cpuMs": computed, "losses": losses})
        except Exception as error:  # the caller says so in the table
            say({"error": repr(error)[:500]})
