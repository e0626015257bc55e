// SPDX-License-Identifier: MIT
// lib/README.md, "Wide gathers".
#include <weft/detail/child_blocks.hpp>

#include <algorithm>
#include <cassert>
#include <exception>
#include <utility>
#include <vector>

#include <weft/detail/frame.hpp>
#include <weft/detail/promise.hpp>
#include <weft/detail/slot.hpp>

namespace weft::detail {

namespace {

// Room for so many frames of one size, all in one piece: a gather's blocks neither cost an allocation each, nor do their frames
// come to stand between those of other coroutines in the caches, whose order in memory that would spoil bit by bit.
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

struct block {
    struct promise_type : promise_base {
        static void* operator new(std::size_t size, frame_row& row, std::span<std::coroutine_handle<>>) { return row.next(size); }
        static void operator delete(void*, std::size_t) noexcept {}
        block get_return_object() noexcept { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        final_awaiter final_suspend() noexcept { return final_awaiter::of(*this); }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); }
    };

    std::coroutine_handle<> frame;
};

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
    // Those of the children, then those of these blocks, and so on; null once started.
    std::vector<std::coroutine_handle<>> frames;
    std::size_t top = 0;  // where the last level begins
    slot<void> place;     // of all blocks: they come to nothing

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
        for (std::size_t first = 0; first < below.size(); first += child_block_size) {
            auto const children_of_block = below.subspan(first, std::min(child_block_size, below.size() - first));
            frames.push_back(run_block(made->row, children_of_block).frame);
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
