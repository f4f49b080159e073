/* The four functions a freestanding compiler may call on its own. Linked only where used, and then
 * counted with the model, because the model is what needed them. */
#include <stdint.h>
#include <string.h>

void *memcpy(void *to, const void *from, size_t length)
{
    unsigned char *target = to;
    const unsigned char *source = from;
    if ((((uintptr_t)target | (uintptr_t)source) & 3u) == 0u) {
        for (; length >= 4u; length -= 4u, target += 4, source += 4) {
            *(uint32_t *)(void *)target = *(const uint32_t *)(const void *)source;
        }
    }
    while (length-- > 0u) {
        *target++ = *source++;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t length)
{
    unsigned char *target = to;
    const unsigned char *source = from;
    if (target <= source) {
        return memcpy(to, from, length);
    }
    while (length-- > 0u) {
        target[length] = source[length];
    }
    return to;
}

void *memset(void *to, int value, size_t length)
{
    unsigned char *target = to;
    while (length-- > 0u) {
        *target++ = (unsigned char)value;
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t length)
{
    const unsigned char *left = a;
    const unsigned char *right = b;
    for (size_t i = 0; i < length; i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i] ? -1 : 1;
        }
    }
    return 0;
}
