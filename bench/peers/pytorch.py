"""The training step in PyTorch, as its DCGAN example has it (https://github.com/pytorch/examples/blob/main/dcgan/main.py).

Run as `python3 pytorch.py CASE SETTING`; speaks as protocol.mjs says. Without a case it waits for {"case", "setting"},
any number of them, says of each what it says of one, and takes {"steps", "run"}: of the one that was opened as number
`run`; {"close": true} lets go of all. Settings:
  float32   eager, as the example; on CUDA without TF32
  tf32      CUDA: with TF32
  amp       CUDA: float16 by autocast and GradScaler
  best      what makes the same step faster without changing it: channels-last, fused Adam, and no gradients of the
            discriminator's weights in the generator's update, which the example computes and throws away; TF32 on CUDA
  best-amp  CUDA: best, in float16 by autocast and GradScaler
"""

import json
import os
import struct
import sys
import time

try:
    import torch
    from torch import nn
except ImportError as error:
    print(json.dumps({"absent": f"this python3 has no torch ({error})"}))
    sys.exit()

torch.set_flush_denormal(True)  # before any thread starts, so that all have it


def read_case(path, device):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        body = bytearray(file.read())
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(body, dtype=torch.float32, count=(end - begin) // 4, offset=begin)
        tensors[name] = flat.reshape(entry["shape"]).clone().to(device)
    return tensors, float(header["__metadata__"]["lr"])


def network(tensors, name):
    """The example's network at the sizes of the weights, without the last Sigmoid of the discriminator."""
    prefix = f"{name}.main."
    state = {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
    indices = sorted({int(key.split(".")[0]) for key in state})
    convolutions = [i for i in indices if state[f"{i}.weight"].dim() == 4]
    layers = {}
    for i in convolutions:
        a, b, *_ = state[f"{i}.weight"].shape
        generator = name == "generator"
        edge = i == (convolutions[0] if generator else convolutions[-1])
        stride, padding = (1, 0) if edge else (2, 1)
        make, (inner, outer) = (nn.ConvTranspose2d, (a, b)) if generator else (nn.Conv2d, (b, a))
        layers[i] = make(inner, outer, 4, stride, padding, bias=False)
        if i + 1 in indices:
            layers[i + 1] = nn.BatchNorm2d(outer)
            layers[i + 2] = nn.ReLU(True) if generator else nn.LeakyReLU(0.2, inplace=True)
        elif generator:
            layers[i + 1] = nn.Tanh()
        elif not edge:
            layers[i + 1] = nn.LeakyReLU(0.2, inplace=True)
    result = nn.Sequential(*(layers[i] for i in sorted(layers)))
    result.load_state_dict(state, strict=False)  # a checkpoint need not hold num_batches_tracked
    return result


def prepare(path, setting):
    cuda = torch.cuda.is_available()
    device = torch.device("cuda" if cuda else "cpu")
    if setting in ("tf32", "amp", "best-amp") and not cuda:
        return None
    if not cuda:
        torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
    best, amp = setting.startswith("best"), setting.endswith("amp")

    def select():
        """Settings of the whole process: before the steps of one of several cases."""
        if cuda:
            torch.backends.cudnn.benchmark = True
            fast = setting != "float32"
            torch.backends.cuda.matmul.allow_tf32 = fast
            torch.backends.cudnn.allow_tf32 = fast

    select()
    tensors, lr = read_case(path, device)
    layout = {"memory_format": torch.channels_last} if best else {}
    generator = network(tensors, "generator").to(device, **layout)
    discriminator = network(tensors, "discriminator").to(device, **layout)
    options = {"lr": lr, "betas": (0.5, 0.999)}
    if best and (cuda or torch.__version__ >= "2.4"):  # fused is for CUDA alone before
        options["fused"] = True
    adam_g = torch.optim.Adam(generator.parameters(), **options)
    adam_d = torch.optim.Adam(discriminator.parameters(), **options)
    # Of the logits, since autocast refuses BCELoss; the same value as the example's Sigmoid and BCELoss.
    criterion = nn.BCEWithLogitsLoss()
    real = tensors["real"].contiguous(**layout)
    latents = [tensors[name] for name in sorted(tensors) if name.startswith("latents.")]
    ones = torch.ones(real.shape[0], device=device)
    zeros = torch.zeros_like(ones)
    scaler = torch.amp.GradScaler if hasattr(torch.amp, "GradScaler") else torch.cuda.amp.GradScaler
    scaler_d, scaler_g = (scaler(enabled=amp) for _ in range(2))

    def precision():
        return torch.autocast(device.type, dtype=torch.float16 if amp else torch.bfloat16, enabled=amp)

    def step(i):
        discriminator.zero_grad(set_to_none=True)
        with precision():
            loss_real = criterion(discriminator(real).view(-1), ones)
        scaler_d.scale(loss_real).backward()
        with precision():
            fake = generator(latents[i])
            loss_fake = criterion(discriminator(fake.detach()).view(-1), zeros)
        scaler_d.scale(loss_fake).backward()
        scaler_d.step(adam_d)
        scaler_d.update()

        generator.zero_grad(set_to_none=True)
        discriminator.requires_grad_(not best)
        with precision():
            loss_g = criterion(discriminator(fake).view(-1), ones)
        scaler_g.scale(loss_g).backward()
        discriminator.requires_grad_(True)
        scaler_g.step(adam_g)
        scaler_g.update()
        return torch.stack([(loss_real + loss_fake).detach(), loss_g.detach()])

    where = torch.cuda.get_device_name() if cuda else f"CPU, {torch.get_num_threads()} threads"
    used = "float16" if amp else "tf32" if cuda and setting != "float32" else "float32"
    version = f"PyTorch {torch.__version__} {setting}, {where}"
    return {"select": select, "step": step, "cases": len(latents), "used": used, "version": version}


def say(message):
    print(json.dumps(message), flush=True)


def introduce(path, setting):
    """Opens a case and trains the steps that are compared; None, having said why, where that cannot be done."""
    try:
        run = prepare(path, setting)
        if run is None:
            say({"absent": f"{setting} is for CUDA, which this PyTorch ({torch.__version__}) does not find"})
            return None
        say({"version": run["version"], "precision": run["used"]})
        for i in range(run["cases"]):
            start = time.perf_counter()
            losses = run["step"](i).tolist()
            say({"losses": losses, "milliseconds": 1000 * (time.perf_counter() - start)})
        return run
    except RuntimeError as error:  # no memory on the device, or a fault of CUDA's
        say({"cannot": str(error).split("\n")[0]})
        return None


def train(run, steps):
    run["select"]()
    start = time.perf_counter()
    for i in range(steps):
        result = run["step"](i % run["cases"])
    result.tolist()
    say({"milliseconds": 1000 * (time.perf_counter() - start)})


def main():
    runs = []
    if len(sys.argv) > 1:
        _, path, setting = sys.argv
        runs.append(introduce(path, setting))
        if runs[0] is None:
            return
    for line in sys.stdin:
        request = json.loads(line)
        if "close" in request:
            runs.clear()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        elif "case" in request:
            runs.append(introduce(request["case"], request["setting"]))
        else:
            train(runs[request.get("run", -1)], request["steps"])


main()
