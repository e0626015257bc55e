// SPDX-License-Identifier: MIT
#include "fibre.hpp"

#include <cxxabi.h>
#include <link.h>
#include <cstring>
#include <new>

namespace weft::model::engine {

namespace {

namespace context = boost::context::detail;

// The executable's thread_locals: where they are on this thread of the operating system, and how they begin.
struct {
    char* block = nullptr;
    std::size_t size = 0;
    char const* image = nullptr;
    std::size_t image_size = 0;
} locals;

void* const* exception_globals() noexcept { return reinterpret_cast<void* const*>(abi::__cxa_get_globals()); }

int find_locals(dl_phdr_info* object, std::size_t, void*) {
    for (int i = 0; i < object->dlpi_phnum; ++i) {
        ElfW(Phdr) const& header = object->dlpi_phdr[i];
        if (header.p_type != PT_TLS) continue;
        locals.block = static_cast<char*>(object->dlpi_tls_data);
        locals.size = header.p_memsz;
        locals.image = reinterpret_cast<char const*>(object->dlpi_addr + header.p_vaddr);
        locals.image_size = header.p_filesz;
    }
    return 1;  // the executable comes first, and that was it
}

void save_locals(fibre& of) noexcept {
    std::memcpy(of.thread_locals, locals.block, locals.size);
    std::memcpy(of.exceptions.data(), exception_globals(), sizeof of.exceptions);
}

void (*entry_of_all)() = nullptr;

void arrive(context::transfer_t from) noexcept { static_cast<fibre*>(from.data)->context = from.fctx; }

void first_entry(context::transfer_t from) {
    arrive(from);
    entry_of_all();
}

}  // namespace

void prepare_fibres() {
    if (locals.block == nullptr) dl_iterate_phdr(find_locals, nullptr);
}

void make_home(fibre& home) {
    if (home.thread_locals == nullptr) home.thread_locals = new char[locals.size + 1];
}

void make_fibre(fibre& made, char* stack, std::size_t size, void (*entry)()) {
    make_home(made);
    entry_of_all = entry;
    made.context = context::make_fcontext(stack + size, size, first_entry);
    std::memcpy(made.thread_locals, locals.image, locals.image_size);
    std::memset(made.thread_locals + locals.image_size, 0, locals.size - locals.image_size);
    made.exceptions = {};
}

void restore_locals(fibre& of) noexcept {
    std::memcpy(locals.block, of.thread_locals, locals.size);
    std::memcpy(const_cast<void**>(exception_globals()), of.exceptions.data(), sizeof of.exceptions);
}

void switch_fibre(fibre& from, fibre& to) noexcept {
    save_locals(from);
    restore_locals(to);
    arrive(context::jump_fcontext(to.context, &from));
}

bool is_thread_local(std::uintptr_t address) noexcept {
    return address - reinterpret_cast<std::uintptr_t>(locals.block) < locals.size;
}

}  // namespace weft::model::engine
