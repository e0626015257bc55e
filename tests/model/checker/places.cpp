// SPDX-License-Identifier: MIT
#include "places.hpp"

#include <link.h>
#include <unistd.h>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>

namespace weft::model::engine {

namespace {

struct executable {
    std::uintptr_t base = 0;
    std::uintptr_t begin = UINTPTR_MAX;
    std::uintptr_t end = 0;
};

int find_executable(dl_phdr_info* object, std::size_t, void* found) {
    auto& self = *static_cast<executable*>(found);
    self.base = object->dlpi_addr;
    for (int i = 0; i < object->dlpi_phnum; ++i) {
        ElfW(Phdr) const& header = object->dlpi_phdr[i];
        if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0) continue;
        self.begin = std::min<std::uintptr_t>(self.begin, self.base + header.p_vaddr);
        self.end = std::max<std::uintptr_t>(self.end, self.base + header.p_vaddr + header.p_memsz);
    }
    return 1;
}

bool is_ours(std::string const& file) { return file.rfind("/usr/", 0) != 0 && file.rfind("??", 0) != 0; }

// Shorter: from the folder that all of the project's files are in.
std::string shortened(std::string file) {
    for (char const* const folder : {"/include/weft/", "/lib/", "/tests/"}) {
        if (auto const at = file.rfind(folder); at != std::string::npos) return file.substr(at + 1);
    }
    return file;
}

// The frames that were inlined at each address, outermost last; only the project's.
std::map<std::uintptr_t, std::string> ask(std::vector<std::uintptr_t> const& addresses, std::uintptr_t base) {
    std::map<std::uintptr_t, std::string> found;
    std::array<char, 4096> self{};
    if (readlink("/proc/self/exe", self.data(), self.size() - 1) <= 0) return found;
    std::array<char, 32> list{"/tmp/weft-model-XXXXXX"};
    int const file = mkstemp(list.data());
    if (file < 0) return found;
    {
        std::ofstream out(list.data());
        for (std::uintptr_t const address : addresses) out << std::hex << "0x" << address - base << '\n';
    }
    std::string const command = std::string("addr2line -a -i -f -C -e '") + self.data() + "' < " + list.data() + " 2>/dev/null";
    if (FILE* const answers = popen(command.c_str(), "r")) {
        std::array<char, 8192> line{};
        std::uintptr_t at = 0;
        std::string function;
        bool is_function = true;
        while (std::fgets(line.data(), static_cast<int>(line.size()), answers) != nullptr) {
            std::string text(line.data(), std::strcspn(line.data(), "\n"));
            if (text.rfind("0x", 0) == 0) {
                at = std::stoull(text, nullptr, 16) + base;
                is_function = true;
            } else if (is_function) {
                function = text;
                is_function = false;
            } else {
                is_function = true;
                if (!is_ours(text) || found.count(at) != 0) continue;
                text = text.substr(0, text.find(" ("));
                // The name alone, without templates' arguments and parameters.
                function = function.substr(0, std::min(function.find('('), function.find('<')));
                if (auto const colon = function.rfind("::"); colon != std::string::npos) function = function.substr(colon + 2);
                found[at] = shortened(text) + (function.empty() ? "" : " in " + function);
            }
        }
        pclose(answers);
    }
    close(file);
    unlink(list.data());
    return found;
}

}  // namespace

std::vector<std::string> places_of(std::vector<stack_of_calls> const& stacks) {
    executable self;
    dl_iterate_phdr(find_executable, &self);
    std::map<std::uintptr_t, std::string> places;
    // One before the address to which a call returns is in the call.
    auto const call_of = [](void const* returns_to) { return reinterpret_cast<std::uintptr_t>(returns_to) - 1; };
    std::vector<std::uintptr_t> addresses;
    for (stack_of_calls const& stack : stacks) {
        for (void const* const each : stack) {
            std::uintptr_t const address = call_of(each);
            if (address >= self.begin && address < self.end && places.emplace(address, "").second) addresses.push_back(address);
        }
    }
    for (auto& [address, place] : ask(addresses, self.base)) places[address] = place;
    std::vector<std::string> all;
    for (stack_of_calls const& stack : stacks) {
        std::string first;
        for (void const* const each : stack) {
            auto const place = places.find(call_of(each));
            if (place != places.end() && !place->second.empty()) {
                first = place->second;
                break;
            }
        }
        all.push_back(first);
    }
    return all;
}

}  // namespace weft::model::engine
