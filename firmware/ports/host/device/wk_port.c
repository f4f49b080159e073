#define _XOPEN_SOURCE 700

#include "wk_port.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 100

void wk_port_use(wk_port_t *out_port, int fd)
{
    memset(out_port, 0, sizeof *out_port);
    out_port->fd = fd;
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* cfmakeraw is not POSIX: the same by hand, of what would change bytes. */
static bool make_raw(const char *path)
{
    struct termios settings;
    const int fd = open(path, O_RDWR | O_NOCTTY);
    bool done = false;

    if (fd >= 0 && tcgetattr(fd, &settings) == 0) {
        settings.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | INLCR | IGNCR | ISTRIP | IXON | PARMRK);
        settings.c_oflag &= ~(tcflag_t)OPOST;
        settings.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
        done = tcsetattr(fd, TCSANOW, &settings) == 0;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return done;
}

static bool has_reader(int fd)
{
    struct pollfd look = {fd, 0, 0};

    return poll(&look, 1, 0) >= 0 && (look.revents & POLLHUP) == 0;
}

bool wk_port_open(wk_port_t *out_port)
{
    static const struct timespec settle = {0, 200000000}; /* the reader may still set it up */
    static const struct timespec look = {0, 10000000};
    const int fd = posix_openpt(O_RDWR | O_NOCTTY);
    const char *path;

    if (fd < 0 || grantpt(fd) != 0 || unlockpt(fd) != 0) {
        return false;
    }
    path = ptsname(fd);
    if (path == NULL || !make_raw(path)) {
        return false;
    }
    wk_port_use(out_port, fd);
    printf("%s\n", path);
    (void)fflush(stdout);
    while (!has_reader(fd)) {
        (void)nanosleep(&look, NULL);
    }
    (void)nanosleep(&settle, NULL);
    return true;
}

bool wk_port_write(wk_port_t *port, const void *bytes, size_t bytes_len)
{
    if (bytes_len > sizeof port->out - port->out_len) {
        wk_port_flush(port);
    }
    if (port->gone || bytes_len > sizeof port->out) {
        return false;
    }
    memcpy(port->out + port->out_len, bytes, bytes_len);
    port->out_len += bytes_len;
    return true;
}

void wk_port_flush(wk_port_t *port)
{
    size_t at = 0;

    while (at < port->out_len && !port->gone) {
        struct pollfd wait = {port->fd, POLLOUT, 0};
        ssize_t written;

        (void)poll(&wait, 1, WAIT_MS);
        if ((wait.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
            port->gone = true;
        } else if ((wait.revents & POLLOUT) != 0) {
            written = write(port->fd, port->out + at, port->out_len - at);
            port->gone = written < 0 && errno != EAGAIN && errno != EINTR;
            at += written > 0 ? (size_t)written : 0;
        }
    }
    port->out_len = 0;
}

int wk_port_read(wk_port_t *port)
{
    if (port->in_at == port->in_len) {
        const ssize_t got = read(port->fd, port->in, sizeof port->in);

        port->in_at = 0;
        port->in_len = got > 0 ? (size_t)got : 0;
    }
    return port->in_at < port->in_len ? port->in[port->in_at++] : -1;
}
