/** The model to tune: a folder, some files of one, or one file, chosen or dropped. Files by their names, nothing read yet. */

/** Of a folder that was chosen whole, what lies in folders below it is no part of the model. */
function byName(files) {
  const own = files.filter(({ webkitRelativePath: path }) => !path || path.split('/').length === 2);
  return Object.fromEntries(own.map((file) => [file.name, file]));
}

const fileOf = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));

/** The files of a folder; a browser gives some hundred at a time. */
async function filesIn(folder) {
  const reader = folder.createReader();
  const files = [];
  for (;;) {
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return files;
    for (const entry of entries) if (entry.isFile) files.push(await fileOf(entry));
  }
}

/** What was dropped; folders have to be asked for while the event lasts. */
async function dropped({ items, files }) {
  const entries = [...items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const folder = entries.find((entry) => entry.isDirectory);
  return folder ? { files: byName(await filesIn(folder)), name: folder.name } : { files: byName([...files]) };
}

/** `chosen` gets the files by their names, and what to call them. */
export function baseInput({ folder, files, section, chosen }) {
  const take = (found, name) => {
    const names = Object.keys(found);
    if (names.length > 0) chosen(found, name ?? (names.length === 1 ? names[0] : `${names.length} files`));
  };
  for (const input of [folder, files]) {
    input.addEventListener('change', () => {
      const list = [...input.files];
      take(byName(list), list[0]?.webkitRelativePath?.split('/')[0] || undefined);
      input.value = '';
    });
  }
  for (const type of ['dragover', 'dragleave', 'drop']) {
    section.addEventListener(type, async (event) => {
      event.preventDefault();
      section.classList.toggle('over', type === 'dragover');
      if (type !== 'drop' || folder.disabled) return;
      const { files: found, name } = await dropped(event.dataTransfer);
      take(found, name);
    });
  }
  return {
    setLocked(locked) {
      folder.disabled = locked;
      files.disabled = locked;
    },
  };
}
