// SPDX-License-Identifier: MIT
// lib/README.md, "Wide gathers".
#include <weft/detail/child_blocks.hpp>

#include <cassert>
#include <exception>
#include <utility>
#include <vector>

#include <weft/detail/frame.hpp>
#include <weft/detail/promise.hpp>
#include <weft/detail/slot.hpp>

#include "task_core.hpp"

namespace weft::detail {

// Not in the unnamed namespace: child_blocks has one, of which g++ warns in a unity build.
// Room for so many frames of one size, in one piece. From the caches, a gather's blocks would cost an allocation each, and would
// mix with the children's frames there, gather by gather, until these no longer come in the order of memory.
class frame_row {
public:
    explicit frame_row(std::size_t count) : left_(count) {}
    frame_row(frame_row const&) = delete;
    frame_row& operator=(frame_row const&) = delete;
    ~frame_row() {
        if (memory_) free_large_frame(memory_);
    }

    void* next(std::size_t size) {
        std::size_t const rounded = frame_class_of(size) * frame_granularity;
        if (!memory_) next_ = memory_ = static_cast<std::byte*>(allocate_large_frame(left_ * rounded));
        assert(left_ > 0);
        --left_;
        return std::exchange(next_, next_ + rounded);
    }

private:
    static_assert(frame_granularity % __STDCPP_DEFAULT_NEW_ALIGNMENT__ == 0);

    std::size_t left_;
    std::byte* memory_ = nullptr;
    std::byte* next_ = nullptr;
};

namespace {

struct block {
    struct promise_type : promise_base {
        static void* operator new(std::size_t size, frame_row& row, std::span<std::coroutine_handle<>>) { return row.next(size); }
        static void operator delete(void*, std::size_t) noexcept {}  // the row goes as a whole
        block get_return_object() noexcept { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        final_awaiter final_suspend() noexcept { return final_awaiter::of(*this); }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); }
    };

    std::coroutine_handle<> frame;
};
static_assert(alignof(block::promise_type) == alignof(promise_base), "promise_of finds it");

block run_block(frame_row&, std::span<std::coroutine_handle<>> children) {
    run_children(children.data(), children.size());
    co_return;
}

constexpr std::size_t blocks_for(std::size_t children) noexcept {
    return (children + child_block_size - 1) / child_block_size;
}

}  // namespace

struct child_blocks {
    explicit child_blocks(std::size_t count) : row(count) { frames.reserve(count); }

    frame_row row;
    // The blocks of the children, then the blocks of these blocks, and so on; null once started. Never grows: blocks of blocks
    // point into it.
    std::vector<std::coroutine_handle<>> frames;
    std::size_t top = 0;  // where the last level begins
    slot_base place;      // of all blocks: they come to nothing

    ~child_blocks() {
        for (std::coroutine_handle<> const unstarted : frames)
            if (unstarted) unstarted.destroy();
    }
};

void destroy_child_blocks::operator()(child_blocks* unused) const noexcept {
    delete unused;
}

owned_child_blocks make_child_blocks(join& joined, std::span<std::coroutine_handle<>> children) {
    std::size_t total = 0;
    for (std::size_t level = children.size(); level > child_block_size; total += level) level = blocks_for(level);
    owned_child_blocks made(new child_blocks(total));
    made->place.begin(joined);
    auto& frames = made->frames;
    for (auto below = children; below.size() > child_block_size; below = std::span(frames).subspan(made->top)) {
        made->top = frames.size();
        // All about as large, so that the first thief, too, finds a large one.
        std::size_t const count = blocks_for(below.size());
        for (std::size_t which = 0; which < count; ++which) {
            std::size_t const first = which * below.size() / count;
            std::size_t const past = (which + 1) * below.size() / count;
            frames.push_back(run_block(made->row, below.subspan(first, past - first)).frame);
            promise_of(frames.back().address()).link = &made->place;
        }
    }
    return made;
}

std::span<std::coroutine_handle<>> top_of(child_blocks& blocks) noexcept {
    return std::span(blocks.frames).subspan(blocks.top);
}

std::size_t size_of(child_blocks const& blocks) noexcept {
    return blocks.frames.size();
}

}  // namespace weft::detail
