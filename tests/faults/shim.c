/* A disk that fails when told to. Preloaded into a process, it acts on the files under one directory.

   INSPAN_SHIM_ROOT     the directory, absolute and without symbolic links; files elsewhere are left alone.
   INSPAN_SHIM_CONTROL  a file of one page, mapped and shared: who writes it (tests/faults/disk.py) is obeyed at the
                        next call. Its layout is `struct control`; all numbers are native 32-bit integers.

   Calls are counted when they are made, before they are held or failed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITES, SYNCS, KINDS };

struct control {
    volatile int hold;         /* syncs wait while it is not 0 */
    volatile int sync_errno;   /* syncs fail with it, where not 0; looked at when the wait is over */
    volatile int write_errno;  /* what writes or lengthens a file fails with it */
    volatile int held;         /* syncs that wait now */
    volatile int calls[KINDS]; /* made so far */
    volatile int failed[KINDS];
};

static struct control *control;
static char root[4096];
static size_t root_length;

/* The control is mapped once. A process without it is left alone. */
__attribute__((constructor)) static void open_control(void) {
    const char *path = getenv("INSPAN_SHIM_CONTROL"), *under = getenv("INSPAN_SHIM_ROOT");
    if (!path || !under || strlen(under) >= sizeof root)
        return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    void *page = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (page == MAP_FAILED)
        return;
    strcpy(root, under);
    root_length = strlen(root);
    control = page;
}

/* Asked of the kernel at each call: a table of open files would miss dup, and what was opened before us. */
static int ours(int fd) {
    char link[32], path[4096];
    if (!control)
        return 0;
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path);
    errno = before;
    return length > (ssize_t)root_length && path[root_length] == '/' && !memcmp(path, root, root_length);
}

static int fails(int kind, int why) {
    if (!why)
        return 0;
    __atomic_add_fetch(&control->failed[kind], 1, __ATOMIC_SEQ_CST);
    return why;
}

/* The errno with which a call that writes is to fail, 0 where it may pass. */
static int write_fault(int fd) {
    if (!ours(fd))
        return 0;
    __atomic_add_fetch(&control->calls[WRITES], 1, __ATOMIC_SEQ_CST);
    return fails(WRITES, control->write_errno);
}

static int sync_fault(int fd) {
    const struct timespec tick = {0, 1000000}; /* 1 ms: a test that releases does not wait for more */
    if (!ours(fd))
        return 0;
    __atomic_add_fetch(&control->calls[SYNCS], 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&control->held, 1, __ATOMIC_SEQ_CST);
    while (control->hold)
        nanosleep(&tick, NULL);
    __atomic_sub_fetch(&control->held, 1, __ATOMIC_SEQ_CST);
    return fails(SYNCS, control->sync_errno);
}

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) \
        real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name);

#define REFUSE(fault) \
    do { \
        int why = (fault); \
        if (why) { \
            errno = why; \
            return -1; \
        } \
    } while (0)

int fsync(int fd) {
    REAL(fsync)
    REFUSE(sync_fault(fd));
    return real(fd);
}

int fdatasync(int fd) {
    REAL(fdatasync)
    REFUSE(sync_fault(fd));
    return real(fd);
}

ssize_t write(int fd, const void *from, size_t size) {
    REAL(write)
    REFUSE(write_fault(fd));
    return real(fd, from, size);
}

ssize_t writev(int fd, const struct iovec *from, int count) {
    REAL(writev)
    REFUSE(write_fault(fd));
    return real(fd, from, count);
}

ssize_t pwrite(int fd, const void *from, size_t size, off_t at) {
    REAL(pwrite)
    REFUSE(write_fault(fd));
    return real(fd, from, size, at);
}

ssize_t pwritev(int fd, const struct iovec *from, int count, off_t at) {
    REAL(pwritev)
    REFUSE(write_fault(fd));
    return real(fd, from, count, at);
}

/* A shorter file needs no room, so a full disk does not refuse it; a broken one does. */
static int cut_fault(int fd, off_t size) {
    struct stat found;
    if (control && control->write_errno == ENOSPC && !fstat(fd, &found) && size <= found.st_size)
        return 0;
    return write_fault(fd);
}

int ftruncate(int fd, off_t size) {
    REAL(ftruncate)
    REFUSE(cut_fault(fd, size));
    return real(fd, size);
}

int fallocate(int fd, int mode, off_t at, off_t size) {
    REAL(fallocate)
    REFUSE(write_fault(fd));
    return real(fd, mode, at, size);
}

/* The one that returns its errno. */
int posix_fallocate(int fd, off_t at, off_t size) {
    REAL(posix_fallocate)
    int why = write_fault(fd);
    return why ? why : real(fd, at, size);
}

#ifdef __GLIBC__ /* musl has one name for both, and off_t of 64 bits always */
ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) {
    REAL(pwrite64)
    REFUSE(write_fault(fd));
    return real(fd, from, size, at);
}

ssize_t pwritev64(int fd, const struct iovec *from, int count, off64_t at) {
    REAL(pwritev64)
    REFUSE(write_fault(fd));
    return real(fd, from, count, at);
}

ssize_t pwritev2(int fd, const struct iovec *from, int count, off_t at, int flags) {
    REAL(pwritev2)
    REFUSE(write_fault(fd));
    return real(fd, from, count, at, flags);
}

ssize_t pwritev64v2(int fd, const struct iovec *from, int count, off64_t at, int flags) {
    REAL(pwritev64v2)
    REFUSE(write_fault(fd));
    return real(fd, from, count, at, flags);
}

int ftruncate64(int fd, off64_t size) {
    REAL(ftruncate64)
    REFUSE(cut_fault(fd, size));
    return real(fd, size);
}

int fallocate64(int fd, int mode, off64_t at, off64_t size) {
    REAL(fallocate64)
    REFUSE(write_fault(fd));
    return real(fd, mode, at, size);
}

int posix_fallocate64(int fd, off64_t at, off64_t size) {
    REAL(posix_fallocate64)
    int why = write_fault(fd);
    return why ? why : real(fd, at, size);
}
#endif
