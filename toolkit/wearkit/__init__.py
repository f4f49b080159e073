"""wearkit: from recordings of a body-worn accelerometer to a verified int8 model on a device.

Recording -cut(WindowSpec)-> WindowSet -train-> Checkpoint -quantize-> QuantizedGraph -> Bundle
-> live -> Prediction. Importing this package never imports torch, onnx or tensorflow.
"""

__version__ = "0.1.0"
