import Testing

/// Tests against a real `redis-server`, one after the other: each starts its own, and some are about time.
@Suite(.serialized, .timeLimit(.minutes(4))) struct RealRedisTests {}
