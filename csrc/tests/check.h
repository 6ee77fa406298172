// A test is a function that throws when it fails. TEST registers it; main() runs all, or those named on the
// command line.
#pragma once

#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>

namespace check {

inline std::map<std::string, std::function<void()>>& tests() {
    static std::map<std::string, std::function<void()>> all;
    return all;
}

struct Registered {
    Registered(const char* name, std::function<void()> body) { tests()[name] = std::move(body); }
};

[[noreturn]] inline void fail(const std::string& what, const char* file, int line) {
    throw std::runtime_error(std::string(file) + ":" + std::to_string(line) + ": " + what);
}

template <class A, class B>
void equal(const A& a, const B& b, const char* text, const char* file, int line) {
    if (a == b) return;
    std::ostringstream message;
    message << text << ": " << a << " is not " << b;
    fail(message.str(), file, line);
}

// The text of the exception that `body` throws.
inline std::string thrown(const std::function<void()>& body) {
    try {
        body();
    } catch (const std::exception& error) { return error.what(); }
    return "nothing was thrown";
}

}  // namespace check

#define TEST(name)                                                        \
    static void test_##name();                                            \
    static const check::Registered registered_##name(#name, test_##name); \
    static void test_##name()
#define CHECK(condition) \
    if (!(condition)) check::fail(#condition, __FILE__, __LINE__)
#define CHECK_EQUAL(a, b) check::equal((a), (b), #a, __FILE__, __LINE__)
