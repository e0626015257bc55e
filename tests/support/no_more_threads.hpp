// SPDX-License-Identifier: MIT
// As long as it lives, no thread can be started in this process.
#pragma once

#include <cstddef>

#include <pthread.h>

namespace weft::test {

// The stack that a thread would get is larger than the address space.
class no_more_threads {
public:
    no_more_threads() {
        pthread_getattr_default_np(&before_);
        pthread_attr_t impossible;
        pthread_attr_init(&impossible);
        pthread_attr_setstacksize(&impossible, std::size_t{1} << 48);
        pthread_setattr_default_np(&impossible);
        pthread_attr_destroy(&impossible);
    }
    no_more_threads(no_more_threads const&) = delete;
    no_more_threads& operator=(no_more_threads const&) = delete;
    ~no_more_threads() {
        pthread_setattr_default_np(&before_);
        pthread_attr_destroy(&before_);
    }

private:
    pthread_attr_t before_;
};

}  // namespace weft::test
