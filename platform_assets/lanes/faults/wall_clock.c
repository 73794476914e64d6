/* Shifts the wall clock of the processes that load this library, while they run.
 *
 * The shift is a number of seconds in a file that all of them map, so that it changes for all at once.
 * The monotonic clock and all waits go on as they are: a deadline by the wall clock is taken back to the
 * real clock before the system waits for it. Such a deadline is told from one by the monotonic clock by
 * its size, as no machine runs for thirty years. What the file system notes is not shifted.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define THIRTY_YEARS 1000000000

static const volatile int64_t *mapped;

__attribute__((constructor)) static void map(void) {
    const char *name = getenv("PLATFORM_ASSETS_WALL_CLOCK");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *found = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (found != MAP_FAILED) mapped = found;
    close(file);
}

static int64_t shift(void) { return mapped ? *mapped : 0; }

static struct timespec real_deadline(const struct timespec *wanted) {
    struct timespec real = *wanted;
    if (real.tv_sec > THIRTY_YEARS) real.tv_sec -= shift();
    return real;
}

/* Calls the function of this name that comes after this library. */
#define NEXT(name, ...)                                             \
    static __typeof__(name) *next;                                  \
    if (!next) next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name);  \
    return next(__VA_ARGS__)

static int read_clock(clockid_t clock, struct timespec *now) { NEXT(clock_gettime, clock, now); }

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = read_clock(clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += shift();
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *told) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (told) *told = now.tv_sec;
    return now.tv_sec;
}

int timespec_get(struct timespec *now, int base) {
    return base == TIME_UTC && !clock_gettime(CLOCK_REALTIME, now) ? base : 0;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *wanted,
                    struct timespec *left) {
    struct timespec real = flags & TIMER_ABSTIME ? real_deadline(wanted) : *wanted;
    NEXT(clock_nanosleep, clock, flags, &real, left);
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict wanted) {
    struct timespec real = real_deadline(wanted);
    NEXT(pthread_cond_timedwait, condition, mutex, &real);
}

int pthread_cond_clockwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           clockid_t clock, const struct timespec *restrict wanted) {
    struct timespec real = real_deadline(wanted);
    NEXT(pthread_cond_clockwait, condition, mutex, clock, &real);
}

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex,
                  const struct timespec *restrict wanted) {
    struct timespec real = real_deadline(wanted);
    NEXT(cnd_timedwait, condition, mutex, &real);
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict wanted) {
    struct timespec real = real_deadline(wanted);
    NEXT(sem_timedwait, semaphore, &real);
}

int sem_clockwait(sem_t *restrict semaphore, clockid_t clock,
                  const struct timespec *restrict wanted) {
    struct timespec real = real_deadline(wanted);
    NEXT(sem_clockwait, semaphore, clock, &real);
}
