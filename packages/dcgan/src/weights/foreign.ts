// Files of other programs, told by their first bytes, and what to do with them. Nothing of them is read.

import { CheckpointError } from '@forger/tensor';

const PYTORCH =
  'in Python, load it with the program that wrote it and save its weights as safetensors or .npz';

function starts(bytes: Uint8Array, ...first: number[]): boolean {
  return first.every((byte, i) => bytes[i] === byte);
}

const text = (bytes: Uint8Array, count: number): string =>
  new TextDecoder('latin1').decode(bytes.subarray(0, count));

/** What a file is, with the way out; undefined when it is none of these. */
export function foreignFormat(bytes: Uint8Array, name: string): string | undefined {
  // safetensors: any eight bytes may be the length of its header, which follows.
  if (bytes[8] === 0x7b) return undefined;
  const head = text(bytes, 512);
  if (bytes.length === 0) return 'it is empty: copy or download it again';
  if (head.startsWith('version https://git-lfs.github.com/spec/'))
    return `it is a Git LFS pointer, which stands for a file of ${/size (\d+)/.exec(head)?.[1] ?? '?'} bytes that was not fetched: run git lfs pull in its repository, or download the file itself`;
  if (/^\s*<(!doctype|html|head|\?xml)/i.test(head))
    return 'it is a web page, such as a download site shows instead of a file: download the file itself';
  if (starts(bytes, 0x89, 0x48, 0x44, 0x46))
    return `it is Keras HDF5 (.h5), which is not read: in Python, import keras, numpy; model = keras.models.load_model("${base(name)}"); then export it with tf2onnx, or copy its weights into a PyTorch network and save the state dict`;
  if (starts(bytes, 0x1f, 0x8b)) return 'it is packed by gzip: unpack it first';
  if (starts(bytes, 0x28, 0xb5, 0x2f, 0xfd)) return 'it is packed by zstd: unpack it first';
  if (starts(bytes, 0x37, 0x7a, 0xbc, 0xaf)) return 'it is a 7z archive: unpack it first';
  if (text(bytes.subarray(257), 5) === 'ustar') return 'it is a tar archive: unpack it first';
  if (starts(bytes, 0x93) && head.startsWith('NUMPY', 1))
    return 'it is one array of numpy (.npy), which has no name: save all of them with numpy.savez(path, **arrays)';
  if (bytes.length > 8 && starts(bytes, 0x12, 0x01, 0, 0, 0, 0, 0, 0))
    return `it is an array list of MXNet (.params), which is not read: ${PYTORCH}`;
  if (bytes.length > 4 && text(bytes.subarray(4), 4) === 'TFL3')
    return 'it is a TensorFlow Lite model, which is not read: export the network it was made from';
  if (head.startsWith('GGUF')) return 'it is GGUF, which holds language models: it is not read';
  if (/"modelTopology"|"weightsManifest"/.test(text(bytes, 4096)))
    return 'it is the description of a TensorFlow.js model, which is not read: in Python, convert it to Keras with tensorflowjs_converter, then to ONNX or a PyTorch state dict';
  if (/\.index$/i.test(name) || /\.data-\d{5}-of-\d{5}$/i.test(name) || /model_checkpoint_path:/.test(head))
    return `it is part of a TensorFlow checkpoint, which is not read: ${PYTORCH}`;
  if (/\.pb$/i.test(name)) return `it is a TensorFlow graph (.pb), which is not read: ${PYTORCH}`;
  if (/\.(pdparams|pdopt|pdiparams|pdmodel)$/i.test(name))
    return `it is of PaddlePaddle, which is not read: in Python, numpy.savez("weights.npz", **{k: v.numpy() for k, v in paddle.load("${base(name)}").items()})`;
  return undefined;
}

/** An archive that is neither PyTorch's nor numpy's. */
export function foreignArchive(names: readonly string[]): string | undefined {
  if (names.includes('config.json') && names.some((name) => name.endsWith('.weights.h5')))
    return 'it is a Keras model (.keras), whose weights lie in HDF5, which is not read: in Python, load it with keras.models.load_model and copy its weights into a PyTorch network or .npz';
  if (names.some((name) => name.endsWith('saved_model.pb')))
    return 'it is a TensorFlow SavedModel, which is not read: export it with tf2onnx, or copy its weights into a .npz';
  return undefined;
}

/** ONNX begins with ir_version (field 1, a small number) and, mostly, the producer's name. */
export function isOnnx(bytes: Uint8Array, name: string): boolean {
  if (bytes[8] === 0x7b) return false;
  return /\.onnx$/i.test(name) || (bytes[0] === 0x08 && bytes[1]! > 0 && bytes[1]! < 20 && bytes[2] === 0x12);
}

const base = (path: string): string =>
  path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);

/** @throws CheckpointError for a file of another program. */
export function refuseForeign(bytes: Uint8Array, name: string): void {
  const what = foreignFormat(bytes, name);
  if (what !== undefined) throw new CheckpointError(what);
}
