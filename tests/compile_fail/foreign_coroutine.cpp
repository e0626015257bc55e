// SPDX-License-Identifier: MIT
// expect: weft::task can be awaited only
// Another library's coroutine does not know which worker it runs on.
#include <coroutine>
#include <weft/weft.hpp>

struct foreign {
    struct promise_type {
        foreign get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() {}
    };
};

weft::task<int> number() { co_return 1; }

foreign wrong() { (void)co_await number(); }
