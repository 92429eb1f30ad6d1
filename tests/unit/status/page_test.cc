#include "daemon/status/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <string>

namespace redlockd::status {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(Page, HasItsPartsWithTheirTypes) {
  std::vector<std::string> found;
  for (const Part& part : Parts()) {
    found.push_back(std::string(part.name) + " " + std::string(part.type));
    EXPECT_GT(part.text.size(), 500u) << part.name;
  }
  EXPECT_THAT(found, ElementsAre("status.html text/html; charset=utf-8",
                                 "status.css text/css; charset=utf-8",
                                 "status.js text/javascript; charset=utf-8"));
}

// It works on a host that reaches nothing but itself, and no part may be one that the policy forbids.
TEST(Page, LoadsNothingButItsParts) {
  std::set<std::string> names{"status.json"};
  for (const Part& part : Parts()) names.insert(std::string(part.name));
  const std::regex reference(R"re((src|href|url|import)\s*[=( ]\s*["']?([^"' )>]+))re");
  for (const Part& part : Parts()) {
    const std::string text(part.text);
    for (std::sregex_iterator at(text.begin(), text.end(), reference), end; at != end; ++at) {
      EXPECT_TRUE(names.contains((*at)[2])) << part.name << ": " << at->str();
    }
  }
}

// A name of a lock is text wherever it is shown.
TEST(Page, MakesNoHtmlOfWhatItReads) {
  for (const Part& part : Parts()) {
    for (const char* way : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write",
                            "eval(", "Function(", "DOMParser", "createContextualFragment", "srcdoc",
                            " style=", " onclick", " onload", "javascript:"}) {
      EXPECT_THAT(std::string(part.text), Not(HasSubstr(way))) << part.name;
    }
  }
}

TEST(Page, ItsPolicyAllowsNothingFromElsewhere) {
  const std::string policy(kPolicy);
  EXPECT_TRUE(policy.starts_with("default-src 'none'; "));
  for (const char* way : {"unsafe", "http:", "https:", "*", "data:", "blob:"}) {
    EXPECT_THAT(policy, Not(HasSubstr(way)));
  }
}

}  // namespace
}  // namespace redlockd::status
