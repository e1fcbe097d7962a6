#ifndef HONUA_CHIREDIS_SHIM_H
#define HONUA_CHIREDIS_SHIM_H

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

/// hiredis 0.14 allocates an array as soon as its header has arrived, for whatever length the header claims
/// (`maxelements` came with 1.0.1). This remembers the library's own reply functions, with the longest array allowed.
typedef struct chiredis_array_limit {
    redisReplyObjectFunctions functions;
    void *(*create_array)(const redisReadTask *, int);
    int maximum_elements;
} chiredis_array_limit;

/// Stands in for hiredis' array constructor. NULL makes the reader stop with REDIS_ERR_OOM.
static inline void *chiredis_create_limited_array(const redisReadTask *task, int elements) {
    const chiredis_array_limit *limit = (const chiredis_array_limit *)task->privdata;
    return elements > limit->maximum_elements ? NULL : limit->create_array(task, elements);
}

/// `redisReaderCreate` with a bound on the length of arrays. Give it back with `chiredis_reader_free`.
static inline redisReader *chiredis_reader_create(int maximum_elements) {
    redisReader *reader = redisReaderCreate();
    if (reader == NULL) return NULL;
    chiredis_array_limit *limit = (chiredis_array_limit *)malloc(sizeof(*limit));
    if (limit == NULL) {
        redisReaderFree(reader);
        return NULL;
    }
    limit->functions = *reader->fn;
    limit->create_array = reader->fn->createArray;
    limit->maximum_elements = maximum_elements;
    limit->functions.createArray = chiredis_create_limited_array;
    reader->fn = &limit->functions;
    reader->privdata = limit;
    return reader;
}

static inline void chiredis_reader_free(redisReader *reader) {
    void *limit = reader->privdata;
    redisReaderFree(reader);
    free(limit);
}

/// Names the calling thread for `top -H` and debuggers, at most 15 bytes. `prctl` is variadic, and Swift does not see
/// `pthread_setname_np`, which is declared for GNU sources only.
static inline void chiredis_name_thread(const char *name) {
    (void)prctl(PR_SET_NAME, name, 0, 0, 0);
}

/// `sys/eventfd.h` is in no Swift module. A counter that wakes a `poll`; non-blocking, closed on exec.
static inline int chiredis_eventfd(void) {
    return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

#endif
