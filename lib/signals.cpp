// SPDX-License-Identifier: MIT
#include "signals.hpp"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>

#include <weft/detail/waiter.hpp>
#include <weft/error.hpp>

#include "platform.hpp"
#include "runtime_core.hpp"

namespace weft::detail {

namespace {

// Whether a run listens, and what it has heard, in one word with the process in which it does: the child of a fork() has a copy of
// the word, but not of the run.
class watch_state {
public:
    constexpr watch_state() noexcept = default;
    [[nodiscard]] static watch_state listening() noexcept { return {platform::process_id(), listening_}; }
    [[nodiscard]] static watch_state heard(int signal) noexcept {
        return {platform::process_id(), heard_ + static_cast<std::uint32_t>(signal)};
    }
    // What came before this was heard, what comes after it goes elsewhere; there is no other watch yet.
    [[nodiscard]] static watch_state ending() noexcept { return {platform::process_id(), ending_}; }

    // Of another process: nobody.
    [[nodiscard]] bool nobody() const noexcept { return process_ != platform::process_id(); }
    [[nodiscard]] bool is_listening() const noexcept { return *this == listening(); }
    // The first signal; 0: none yet, or nobody listens.
    [[nodiscard]] int signal() const noexcept { return nobody() || what_ < heard_ ? 0 : static_cast<int>(what_ - heard_); }

    bool operator==(watch_state const&) const noexcept = default;

private:
    constexpr watch_state(std::uint32_t process, std::uint32_t what) noexcept : process_(process), what_(what) {}

    static constexpr std::uint32_t ending_ = 1;
    static constexpr std::uint32_t listening_ = 2;
    static constexpr std::uint32_t heard_ = 256;  // and the signal's number

    std::uint32_t process_ = 0;
    std::uint32_t what_ = 0;
};

// All that the handler touches.
constinit std::atomic<watch_state> state{};
constinit std::atomic<std::uint32_t> bell{0};
static_assert(std::atomic<watch_state>::is_always_lock_free && std::atomic<std::uint32_t>::is_always_lock_free);

// On any thread, between any two of its steps.
void on_signal(int signal) noexcept {
    int const its_errno = errno;
    watch_state seen = watch_state::listening();
    if (state.compare_exchange_strong(seen, watch_state::heard(signal))) {
        bell.fetch_add(1);
        platform::wake_from_handler(bell);
    } else if (seen.signal() != 0) {
        platform::end_by_signal(signal);
    } else {
        platform::pass_on_signal(signal, on_signal);
    }
    errno = its_errno;
}

}  // namespace

signal_watch::signal_watch(runtime_core& core) : core_(core) {
    std::string name = core.name + "-signals";
    watch_state seen = state.load();
    do {
        if (!seen.nobody())
            throw invalid_state(
                "weft::run: another run of this process handles signals, which come to the process as a whole; leave out "
                "options::handle_signals in all but one of the runs that are under way at the same time");
    } while (!state.compare_exchange_weak(seen, watch_state::listening()));
    try {
        thread_ = std::thread([this, name = std::move(name)] {
            platform::name_this_thread(name);
            listen();
        });
    } catch (...) {
        state.store({});
        throw;
    }
}

void signal_watch::begin(promise_base& main) noexcept {
    // release. Pairs with: listen. Makes visible: the task. The handlers, by which the thread hears of a signal, come after this.
    main_.store(&main, std::memory_order_release);
    platform::catch_signals(on_signal);
}

signal_watch::~signal_watch() {
    if (thread_.joinable()) stop();
}

void signal_watch::listen() noexcept {
    for (;;) {
        // Before the look at the state: a ring that comes after that ends the wait.
        std::uint32_t const rings = bell.load();
        watch_state const now = state.load();
        if (now.signal() != 0) {
            // Under a paused clock nobody may think meanwhile that no job will come.
            core_.pool.expect_job();
            told_ = request_cancel(*main_.load(std::memory_order_acquire));
            core_.pool.job_came();
            return;
        }
        if (!now.is_listening()) return;
        platform::wait_for_handler(bell, rings);
    }
}

void signal_watch::stop() noexcept {
    platform::release_signals(on_signal);
    heard_ = state.exchange(watch_state::ending()).signal();
    bell.fetch_add(1);
    platform::wake_word(bell);
    thread_.join();
    state.store({});
}

int signal_watch::end() noexcept {
    stop();
    if (heard_ == 0) return 0;
    promise_base const& main = *main_.load(std::memory_order_relaxed);
    bool const cancelled = main.outcome == outcome::exception && main.state.was_cancelled;
    // It had ended before: what it returned is dropped, rather than a signal; an error is not.
    if (!told_) return cancelled || main.outcome == outcome::value ? heard_ : 0;
    return cancelled && cancelling(main) > 0 ? heard_ : 0;
}

}  // namespace weft::detail
