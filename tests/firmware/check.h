/* CHECK for C tests on the host: says where, what was seen, and stops. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK_EQUAL(seen, expected)                                                                \
    do {                                                                                           \
        const long check_seen = (long)(seen), check_expected = (long)(expected);                   \
        if (check_seen != check_expected) {                                                        \
            fprintf(stderr, "%s:%d: %s is %ld, not %ld\n", __FILE__, __LINE__, #seen, check_seen,  \
                    check_expected);                                                               \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#endif
