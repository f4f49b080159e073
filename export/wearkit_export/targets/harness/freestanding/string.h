/* What a compiler without a C library needs to see of <string.h>; wkruntime_memory.c has the code. */
#ifndef WK_FREESTANDING_STRING_H
#define WK_FREESTANDING_STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *a, const void *b, size_t length);

#endif
