import type { FileRole } from './sniff.ts';

interface KindFacts {
	readonly role: FileRole;
	readonly title: string;
	/** Follows the file's name: what it is and what to do. */
	readonly advice: string;
}

function none(title: string, advice: string): KindFacts {
	return { role: 'none', title, advice };
}

function data(title: string, advice: string): KindFacts {
	return { role: 'data', title, advice };
}

/** Every kind of file that is told apart, with its own sentence. */
export const kinds = {
	onnx: { role: 'model', title: 'ONNX model', advice: 'is an ONNX model.' },
	empty: none('empty file', 'is empty: 0 bytes. Download it again.'),
	zeros: none('file of zeros', 'holds nothing but zeros, as broken downloads and disk recoveries leave behind. Fetch it again.'),
	'onnx-truncated': none('ONNX model, cut short', 'begins as an ONNX model but ends too early. The download was cut off; fetch it again.'),
	damaged: none('not readable as ONNX', 'is called .onnx, but its bytes are not an ONNX model. Fetch or export it again.'),
	weights: {
		role: 'external-data',
		title: 'external weights',
		advice: 'looks like the external weights of a model. Drop it together with the .onnx file that refers to it.',
	},
	'onnx-tensor': none(
		'ONNX tensor',
		'is a single ONNX tensor (TensorProto), as test data sets hold them, not a model. Drop the model.onnx beside it.',
	),
	'onnx-text': none('ONNX in text form', "is ONNX's text syntax. Convert it with onnx.parser.parse_model and save the result as .onnx."),
	textproto: none(
		'protobuf text',
		'is a model in protobuf text form. Load it with google.protobuf.text_format and save it with onnx.save.',
	),
	'lfs-pointer': none(
		'Git LFS pointer',
		'is a Git LFS pointer, not the file itself. Run git lfs pull, or download the file from its page.',
	),
	html: none(
		'web page',
		'is a web page, probably an error or sign-in page saved instead of the model. Open the link in the browser and download the file itself.',
	),
	xml: none('XML', 'is an XML file, not a model.'),
	svg: none('SVG drawing', 'is an SVG drawing. Pictures for measuring must be PNG, JPEG, WebP or GIF.'),
	json: none('JSON', 'is a JSON file, neither a model nor a recipe or study of this program.'),
	document: {
		role: 'document',
		title: 'recipe or study',
		advice: 'is a recipe or study, not a model. Open a model first, then import it.',
	},
	'hf-config': none(
		'model configuration',
		'is the configuration of a Hugging Face model or tokenizer. The weights are in the .onnx file of the same repository.',
	),
	tfjs: none('TensorFlow.js model', 'is a TensorFlow.js model. Convert the original TensorFlow model with tf2onnx.'),
	pytorch: none(
		'PyTorch checkpoint',
		'is a PyTorch checkpoint: weights without a graph. Load it in Python and export it with torch.onnx.export.',
	),
	torchscript: none('TorchScript model', 'is a TorchScript archive. Load it with torch.jit.load and export it with torch.onnx.export.'),
	pickle: none(
		'Python pickle',
		'is a Python pickle, such as an old PyTorch checkpoint or a scikit-learn model. Export it with torch.onnx.export or skl2onnx.',
	),
	safetensors: none(
		'safetensors',
		'holds weights only (safetensors). Load the model in Python and export it, for example with optimum-cli export onnx.',
	),
	gguf: none('GGUF model', 'is a GGUF model for llama.cpp. Take the original model and export it to ONNX.'),
	ggml: none('GGML model', 'is a GGML model, the forerunner of GGUF. Take the original model and export it to ONNX.'),
	tflite: none(
		'TensorFlow Lite model',
		'is a TensorFlow Lite model. Convert it with tf2onnx: python -m tf2onnx.convert --tflite FILE --output model.onnx.',
	),
	savedmodel: none(
		'TensorFlow SavedModel',
		'is the graph of a TensorFlow SavedModel. Convert its folder with tf2onnx: --saved-model FOLDER.',
	),
	'savedmodel-zip': none(
		'zipped TensorFlow SavedModel',
		'is a zipped TensorFlow SavedModel. Unpack it and convert the folder with tf2onnx: --saved-model FOLDER.',
	),
	graphdef: none(
		'TensorFlow frozen graph',
		'is a frozen TensorFlow graph. Convert it with tf2onnx: --graphdef FILE --inputs … --outputs ….',
	),
	hdf5: none(
		'HDF5 (Keras)',
		'is an HDF5 file, as Keras writes .h5 models. Load it with Keras and export it with model.export(format="onnx") or tf2onnx.',
	),
	keras: none('Keras model', 'is a Keras 3 model. Load it with keras.saving.load_model and export it with model.export(format="onnx").'),
	coreml: none('Core ML model', 'is a Core ML model. It cannot be turned back reliably; export the original model to ONNX.'),
	mlpackage: none('Core ML package', 'is a zipped Core ML package. Export the original model to ONNX.'),
	'openvino-xml': none('OpenVINO model', 'is the graph of an OpenVINO model. Take the ONNX file that it was converted from.'),
	'ncnn-param': none('ncnn parameters', 'is an ncnn graph. Take the ONNX file that it was converted from.'),
	'ncnn-bin': none('ncnn weights', 'holds ncnn weights. Take the ONNX file that it was converted from.'),
	ort: none(
		'ORT format model',
		'is a model in the ORT format, already optimised by onnxruntime. Take the .onnx file that it was made from.',
	),
	tensorrt: none('TensorRT engine', 'is a TensorRT engine, compiled for one kind of GPU. Take the ONNX file that it was built from.'),
	'onnx-zip': none(
		'zipped ONNX model',
		'is a zip archive with an ONNX model inside. Unpack it and drop the .onnx file, with its data files if it has any.',
	),
	zip: data('zip archive', 'is a zip archive. Archives are read as measuring data, not as models; unpack the model first.'),
	'zip-other': none('zip archive', 'is a zip archive without pictures or arrays. Unpack it and drop what is inside.'),
	office: none('office document', 'is an office document, not a model.'),
	jar: none('Java archive', 'is a Java archive. If it holds a model, unpack it first.'),
	gzip: data('gzip file', 'is compressed with gzip. Unpack it first if it holds a model; IDX data are read as they are.'),
	tar: none('tar archive', 'is a tar archive. Unpack it and drop the .onnx file.'),
	'seven-zip': none('7z archive', 'is a 7z archive. Unpack it and drop the .onnx file.'),
	rar: none('RAR archive', 'is a RAR archive. Unpack it and drop the .onnx file.'),
	zstd: none('Zstandard file', 'is compressed with Zstandard. Unpack it and drop the .onnx file.'),
	png: data('PNG picture', 'is a PNG picture: data to measure with. Open a model first.'),
	jpeg: data('JPEG picture', 'is a JPEG picture: data to measure with. Open a model first.'),
	gif: data('GIF picture', 'is a GIF picture: data to measure with. Open a model first.'),
	webp: data('WebP picture', 'is a WebP picture: data to measure with. Open a model first.'),
	wav: data('WAV sound', 'is a sound: data to measure speech models with. Open a model first.'),
	tokenizer: data('tokenizer', 'is a tokenizer.json: dropped with text, it makes the inputs of a language model. Open a model first.'),
	npy: data('NumPy array', 'is a NumPy array: data to measure with. Open a model first.'),
	npz: data('NumPy arrays', 'holds NumPy arrays: data to measure with. Open a model first.'),
	idx: data('IDX data', 'is an IDX data set, as MNIST comes: data to measure with. Open a model first.'),
	csv: data('table', 'is a table: data to measure with. Open a model first.'),
	text: data('text', 'is a text file. Labels can be read from it; a model is a .onnx file.'),
	python: none('Python program', 'is a Python program. Run it to export the model, and drop the .onnx file that it writes.'),
	pdf: none('PDF document', 'is a PDF document, not a model.'),
	elf: none('program', 'is a compiled program or library, not a model.'),
	unknown: none('unknown file', 'is in no format that is known here. Models are .onnx files.'),
} as const satisfies Readonly<Record<string, KindFacts>>;

export type FileKind = keyof typeof kinds;
