"""Names that must not occur in what runs on a microcontroller: heap, float, wide division, libm.

Checked in objects (what the code asks for) and in the linked image (what it got), so a call that
the linker satisfies silently from the compiler's library is found as well.
"""

from __future__ import annotations

import re

from wearkit_export.targets.elf import Elf

_HEAP = r"(?:__)?_?(?:malloc|calloc|realloc|free|memalign|aligned_alloc|sbrk)(?:_r)?"
_ARM_FLOAT = r"__aeabi_(?:c?[df]\w+|[iu]l?2[df]|l2[df]|ul2[df]|h2f\w*)"
_ARM_DIVISION = r"__aeabi_u?ldivmod"
_GCC_FLOAT = (
    r"__(?:add|sub|mul|div|neg|eq|ne|lt|le|gt|ge|unord|cmp|powi)[sdxt]f[0-9]?"
    r"|__(?:fix|fixuns)[sdxt]f[sdt]i|__(?:float|floatun|floatuns)[sdt]i[sdxt]f"
    r"|__(?:extend|trunc)[hsdxt]f[hsdxt]f2"
)
_GCC_DIVISION = r"__u?(?:div|mod|divmod)[dt]i[34]"
_LIBM = (
    r"(?:sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|exp|exp2|expm1|log|log2|log10|log1p"
    r"|pow|sqrt|cbrt|hypot|fabs|floor|ceil|round|lround|llround|trunc|rint|lrint|nearbyint"
    r"|fmod|remainder|ldexp|frexp|scalbn|fmin|fmax|fma|copysign|erf|tgamma)[fl]?"
)
_FORBIDDEN = re.compile(
    "|".join((_HEAP, _ARM_FLOAT, _ARM_DIVISION, _GCC_FLOAT, _GCC_DIVISION, _LIBM))
)


def forbidden_symbols(elf: Elf) -> list[str]:
    """Sorted names in the image or object, defined or asked for, that are forbidden."""
    return sorted({symbol.name for symbol in elf.symbols if _FORBIDDEN.fullmatch(symbol.name)})
