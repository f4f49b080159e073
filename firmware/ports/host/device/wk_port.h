/* The device's serial port on a computer: a pseudo-terminal that `wearkit live` opens. */
#ifndef WK_PORT_H
#define WK_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WK_PORT_OUT_MAX 65536

/* fd: the master side, non-blocking. gone: the reader closed the port. */
typedef struct {
    int fd;
    bool gone;
    size_t out_len, in_len, in_at;
    uint8_t out[WK_PORT_OUT_MAX];
    uint8_t in[512];
} wk_port_t;

/* Use an open descriptor; or make a pseudo-terminal, print its path as a line on standard output
 * and wait until somebody opens it. False when the system refuses. */
void wk_port_use(wk_port_t *out_port, int fd);
bool wk_port_open(wk_port_t *out_port);

/* Keep bytes for wk_port_flush; true unless the reader is gone. */
bool wk_port_write(wk_port_t *port, const void *bytes, size_t bytes_len);

/* Hand over what was kept, however long the reader takes: nothing is dropped while it is there. */
void wk_port_flush(wk_port_t *port);

/* The next byte from the host, or -1. */
int wk_port_read(wk_port_t *port);

#endif
