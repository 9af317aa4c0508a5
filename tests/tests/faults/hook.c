/* Faults and power cuts for a process that is started with this library preloaded.
 *
 * Counts the calls that change files below NOCTULE_FAULT_DIR. At call number NOCTULE_FAULT_AT it
 * does what NOCTULE_FAULT_KIND says: "exit" ends the process before the call, "eio" and "enospc"
 * refuse it, "short" writes half of what was asked; with "-on" behind it, also from then on.
 * NOCTULE_FAULT_CALLS limits the counting to calls of these kinds (letters: o open for writing,
 * w write, s sync, t truncate, r rename, u unlink, m make a directory). The number of calls is
 * written to NOCTULE_FAULT_COUNT when the process ends.
 *
 * With NOCTULE_FAULT_SHADOW it also keeps what a loss of power would leave: the content of each
 * file at its last sync, under its inode number, and the names in each folder at the folder's last
 * sync. Files that lose their name are kept by a link, so that no inode number is used again.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long calls, at;
static const char *dir, *kind, *only, *shadow, *count;
static size_t dir_length;
static __thread int inside;

enum verdict { PASS, REFUSE, HALF };

__attribute__((constructor)) static void begin(void) {
    dir = getenv("NOCTULE_FAULT_DIR");
    kind = getenv("NOCTULE_FAULT_KIND");
    only = getenv("NOCTULE_FAULT_CALLS");
    shadow = getenv("NOCTULE_FAULT_SHADOW");
    count = getenv("NOCTULE_FAULT_COUNT");
    const char *number = getenv("NOCTULE_FAULT_AT");
    at = number ? atol(number) : 0;
    dir_length = dir ? strlen(dir) : 0;
}

static void tell(void) {
    if (!count) return;
    inside++;
    FILE *file = fopen(count, "w");
    if (file) { fprintf(file, "%ld\n", calls); fclose(file); }
    inside--;
}

__attribute__((destructor)) static void end(void) { tell(); }

static int below(const char *path) {
    return dir && !strncmp(path, dir, dir_length)
        && (path[dir_length] == '/' || path[dir_length] == '\0');
}

/* The path of an open file; whether it lies below the folder. */
static int watched_fd(int fd, char *path) {
    if (!dir || inside) return 0;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length <= 0) return 0;
    path[length] = '\0';
    return below(path);
}

/* The same of a name relative to an open folder. */
static int watched_at(int folder, const char *name, char *path) {
    if (!dir || inside || !name) return 0;
    if (name[0] == '/') snprintf(path, PATH_MAX, "%s", name);
    else {
        char base[PATH_MAX];
        if (folder == AT_FDCWD) { if (!getcwd(base, sizeof base)) return 0; }
        else if (!watched_fd(folder, base)) return 0;
        if (snprintf(path, PATH_MAX, "%s/%s", base, name) >= PATH_MAX) return 0;
    }
    return below(path);
}

static enum verdict step(char of) {
    if (only && !strchr(only, of)) return PASS;
    pthread_mutex_lock(&lock);
    long now = ++calls;
    pthread_mutex_unlock(&lock);
    if (!at || !kind) return PASS;
    int on = strstr(kind, "-on") != NULL;
    if (now != at && !(on && now > at)) return PASS;
    if (!strncmp(kind, "exit", 4)) { tell(); _exit(137); }
    if (!strncmp(kind, "short", 5)) return of == 'w' ? HALF : PASS;
    errno = !strncmp(kind, "enospc", 6) ? ENOSPC : EIO;
    return REFUSE;
}

/* --- what a loss of power would leave --- */

static void shadow_file(int fd, ino_t inode) {
    char name[PATH_MAX], next[PATH_MAX], buffer[1 << 16];
    snprintf(name, sizeof name, "%s/%lu", shadow, (unsigned long)inode);
    snprintf(next, sizeof next, "%s/%lu.next", shadow, (unsigned long)inode);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int from = open(path, O_RDONLY | O_CLOEXEC), to = open(next, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t got;
    while (from >= 0 && to >= 0 && (got = read(from, buffer, sizeof buffer)) > 0)
        if (write(to, buffer, (size_t)got) != got) abort();
    if (from >= 0) close(from);
    if (to >= 0) close(to);
    if (from < 0 || to < 0 || rename(next, name)) abort();
}

static void shadow_folder(const char *path, ino_t inode) {
    char name[PATH_MAX], next[PATH_MAX], child[PATH_MAX];
    snprintf(name, sizeof name, "%s/names-%lu", shadow, (unsigned long)inode);
    snprintf(next, sizeof next, "%s.next", name);
    DIR *folder = opendir(path);
    FILE *list = fopen(next, "w");
    if (!folder || !list) abort();
    struct dirent *entry;
    while ((entry = readdir(folder))) {
        struct stat found;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        if (lstat(child, &found)) continue;
        fprintf(list, "%c %lu %s\n", S_ISDIR(found.st_mode) ? 'd' : 'f',
                (unsigned long)found.st_ino, entry->d_name);
    }
    closedir(folder);
    if (fclose(list) || rename(next, name)) abort();
}

static void synced(int fd) {
    char path[PATH_MAX];
    struct stat found;
    if (!shadow || !watched_fd(fd, path) || fstat(fd, &found)) return;
    inside++;
    pthread_mutex_lock(&lock);
    if (S_ISDIR(found.st_mode)) shadow_folder(path, found.st_ino);
    else if (S_ISREG(found.st_mode)) shadow_file(fd, found.st_ino);
    pthread_mutex_unlock(&lock);
    inside--;
}

/* Keeps a file that is about to lose its name. */
static void losing(const char *path) {
    struct stat found;
    if (!shadow || lstat(path, &found) || !S_ISREG(found.st_mode)) return;
    char kept[PATH_MAX];
    snprintf(kept, sizeof kept, "%s/kept-%lu", shadow, (unsigned long)found.st_ino);
    inside++;
    if (link(path, kept)) { /* kept already */ }
    inside--;
}

/* --- the calls --- */

static int opened(const char *name, int flags) { return (flags & O_ACCMODE) != O_RDONLY && name; }

#define OPEN(function)                                                                     \
    int function(const char *name, int flags, ...) {                                       \
        REAL(function);                                                                    \
        va_list list; va_start(list, flags); mode_t mode = va_arg(list, mode_t); va_end(list); \
        char path[PATH_MAX];                                                               \
        if (opened(name, flags) && watched_at(AT_FDCWD, name, path) && step('o') == REFUSE) \
            return -1;                                                                     \
        return real(name, flags, mode);                                                    \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(function)                                                                   \
    int function(int folder, const char *name, int flags, ...) {                           \
        REAL(function);                                                                    \
        va_list list; va_start(list, flags); mode_t mode = va_arg(list, mode_t); va_end(list); \
        char path[PATH_MAX];                                                               \
        if (opened(name, flags) && watched_at(folder, name, path) && step('o') == REFUSE)  \
            return -1;                                                                     \
        return real(folder, name, flags, mode);                                            \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int fd, const void *bytes, size_t length) {
    REAL(write);
    char path[PATH_MAX];
    if (watched_fd(fd, path)) {
        enum verdict verdict = step('w');
        if (verdict == REFUSE) return -1;
        if (verdict == HALF && length > 1) length /= 2;
    }
    return real(fd, bytes, length);
}

#define PWRITE(function, offset_type)                                                      \
    ssize_t function(int fd, const void *bytes, size_t length, offset_type offset) {       \
        REAL(function);                                                                    \
        char path[PATH_MAX];                                                               \
        if (watched_fd(fd, path)) {                                                        \
            enum verdict verdict = step('w');                                              \
            if (verdict == REFUSE) return -1;                                              \
            if (verdict == HALF && length > 1) length /= 2;                                \
        }                                                                                  \
        return real(fd, bytes, length, offset);                                            \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t writev(int fd, const struct iovec *parts, int number) {
    REAL(writev);
    char path[PATH_MAX];
    if (watched_fd(fd, path)) {
        enum verdict verdict = step('w');
        if (verdict == REFUSE) return -1;
        if (verdict == HALF && number > 1) number /= 2;
    }
    return real(fd, parts, number);
}

#define SYNC(function)                                                                     \
    int function(int fd) {                                                                 \
        REAL(function);                                                                    \
        char path[PATH_MAX];                                                               \
        if (watched_fd(fd, path) && step('s') == REFUSE) return -1;                        \
        int result = real(fd);                                                             \
        if (!result) synced(fd);                                                           \
        return result;                                                                     \
    }
SYNC(fsync)
SYNC(fdatasync)

#define TRUNCATE(function, offset_type)                                                    \
    int function(int fd, offset_type length) {                                             \
        REAL(function);                                                                    \
        char path[PATH_MAX];                                                               \
        if (watched_fd(fd, path) && step('t') == REFUSE) return -1;                        \
        return real(fd, length);                                                           \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

int rename(const char *old, const char *new) {
    REAL(rename);
    char path[PATH_MAX];
    if (watched_at(AT_FDCWD, new, path)) {
        if (step('r') == REFUSE) return -1;
        losing(path);
    }
    return real(old, new);
}

int unlink(const char *name) {
    REAL(unlink);
    char path[PATH_MAX];
    if (watched_at(AT_FDCWD, name, path)) {
        if (step('u') == REFUSE) return -1;
        losing(path);
    }
    return real(name);
}

int unlinkat(int folder, const char *name, int flags) {
    REAL(unlinkat);
    char path[PATH_MAX];
    if (watched_at(folder, name, path)) {
        if (step('u') == REFUSE) return -1;
        losing(path);
    }
    return real(folder, name, flags);
}

int mkdir(const char *name, mode_t mode) {
    REAL(mkdir);
    char path[PATH_MAX];
    int watched = watched_at(AT_FDCWD, name, path);
    if (watched && step('m') == REFUSE) return -1;
    int result = real(name, mode);
    struct stat found;
    if (!result && watched && shadow && !lstat(path, &found)) {
        /* The inode number may be that of a folder that is gone: a new folder has no names. */
        char names[PATH_MAX];
        snprintf(names, sizeof names, "%s/names-%lu", shadow, (unsigned long)found.st_ino);
        inside++;
        unlink(names);
        inside--;
    }
    return result;
}
