// SPDX-License-Identifier: MIT
// A list and its lock in one word.
#pragma once

#include <atomic>
#include <cstdint>

#include <weft/detail/config.hpp>

namespace weft::detail {

template <class Node>
struct list_hook {
    Node* next;
    Node** link;  // what points to this node; null: the list itself
};

// Until the word is unlocked. Returns what it is then, and has locked it.
WEFT_API WEFT_NOINLINE std::uintptr_t lock_contended(std::atomic<std::uintptr_t>& word) noexcept;

// An intrusive list, newest first. All that its nodes say is said with the list locked. Locks are held for moments; a list that was
// never locked and is empty is a zero word.
template <class Node, list_hook<Node> Node::*Hook>
class locked_list {
public:
    locked_list() noexcept = default;

    // The first node. Whoever has not locked the list can only compare it.
    [[nodiscard]] Node const* peek(std::memory_order order) const noexcept { return node_of(word_.load(order)); }

    // For a guard: as long as the list is locked, `peek` may see it empty. Cheaper: one swap, where the other is a loop.
    struct hidden_t {};
    static constexpr hidden_t hidden{};

    // Has it locked.
    class guard {
    public:
        // acquire. Pairs with: the destructor. Makes visible: the nodes. If weaker: a list of nodes that are not there yet.
        explicit guard(locked_list& list) noexcept : guard(list, list.word_.fetch_or(locked, std::memory_order_acquire)) {}
        // Who has it locked has kept the first node, so nothing is lost where this finds it locked.
        guard(locked_list& list, hidden_t) noexcept : guard(list, list.word_.exchange(locked, std::memory_order_acquire)) {}
        guard(guard const&) = delete;
        guard& operator=(guard const&) = delete;
        // One store: whatever was kept alive by the lock may be gone after it.
        ~guard() { word_.store(reinterpret_cast<std::uintptr_t>(first_), std::memory_order_release); }

        [[nodiscard]] Node* first() const noexcept { return first_; }

        void add(Node& node) noexcept {
            list_hook<Node>& hook = node.*Hook;
            hook.next = first_;
            hook.link = nullptr;
            if (first_) (first_->*Hook).link = &hook.next;
            first_ = &node;
        }
        void remove(Node& node) noexcept {
            list_hook<Node>& hook = node.*Hook;
            (hook.link ? *hook.link : first_) = hook.next;
            if (hook.next) (hook.next->*Hook).link = hook.link;
        }
        // Puts another first node, or none, in the place of all.
        Node* exchange(Node* other) noexcept {
            Node* const all = first_;
            first_ = other;
            return all;
        }

    private:
        guard(locked_list& list, std::uintptr_t before) noexcept : word_(list.word_) {
            if (before & locked) [[unlikely]] before = lock_contended(word_);
            first_ = node_of(before);
        }

        std::atomic<std::uintptr_t>& word_;
        Node* first_;
    };

private:
    static constexpr std::uintptr_t locked = 1;
    static Node* node_of(std::uintptr_t word) noexcept { return reinterpret_cast<Node*>(word & ~locked); }

    std::atomic<std::uintptr_t> word_{0};
};

}  // namespace weft::detail
