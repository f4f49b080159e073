"""Quantize a wearkit Checkpoint once and print it as ONNX and TFLite. Depends on wearkit only."""
