"""check.py FOLDER: reads graphs as the ONNX project's own checker does, shapes inferred, and prints the fields of its messages as JSON."""
import glob
import json
import os
import sys

import onnx
from onnx import checker

messages = {}


def add(prefix, descriptor):
    name = prefix + descriptor.name
    messages[name] = {
        field.name: [field.number, field.type, field.label == field.LABEL_REPEATED] for field in descriptor.fields
    }
    for nested in descriptor.nested_types:
        add(name + '.', nested)


for message in onnx.ModelProto.DESCRIPTOR.file.message_types_by_name.values():
    add('', message)

checked = []
for path in sorted(glob.glob(os.path.join(sys.argv[1], '**', '*.onnx'), recursive=True)):
    try:
        checker.check_model(path, full_check=True)
    except Exception as error:
        sys.exit(f'{path}: {error}')
    checked.append(os.path.relpath(path, sys.argv[1]))
print(json.dumps({'version': onnx.__version__, 'messages': messages, 'checked': checked}))
