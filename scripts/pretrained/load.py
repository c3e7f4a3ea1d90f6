"""load.py FOLDER...: loads folders of `toPretrained` into PyTorch modules of Hugging Face's keys, with strict=True."""
import os
import sys

import torch

from files import read_folder
from modules import make

for folder in sys.argv[1:]:
    config, tensors = read_folder(folder)
    module = make(config)
    state = {name: torch.from_numpy(value.copy()) for name, value in tensors.items()}
    module.load_state_dict(state, strict=True)
    for name, value in module.state_dict().items():
        assert torch.equal(value, state[name]), f'{name} is another tensor under its second name'
    print(f'{os.path.basename(folder)}: {config["architectures"][0]}, {len(state)} tensors, strict=True')
