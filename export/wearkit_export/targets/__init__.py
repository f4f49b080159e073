"""Microcontrollers without hardware: compile a bundle's C, run it on an emulated core, count.

    target + toolchain -> build_image -> Image (an ELF)
        -> run_image -> ImageRun (logits, counts, stack)

`harness/` holds the C that surrounds the model: start-up code, a main that reads windows and
writes logits, and the memory functions a compiler may call. None of it is counted as the model.
"""
