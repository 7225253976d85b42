#include "hone/base/document.h"

#include <gtest/gtest.h>

#include "hone/base/error.h"

namespace hone {
namespace {

std::string refused(const std::string& text) {
  try {
    Node::parse_toml(text, "s.toml");
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

std::string repeated(const std::string& piece, int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += piece;
  return text;
}

TEST(Document, WhatIsTooDeepIsRefused) {
  const std::string says = "s.toml:2: a key's names stand more than 32 deep";
  for (const int n : {32, 20000, 2000000}) {
    EXPECT_EQ(refused("\n" + repeated("a.", n) + "a = 1\n").find(says), 0u) << n;
    EXPECT_EQ(refused("\n[" + repeated("a . ", n) + "a]\n").find(says), 0u) << n;
    EXPECT_EQ(refused("\nx = { " + repeated("\"b.\".'c'.", n) + "a = 1 }\n").find(says), 0u) << n;
  }
  // Each short enough, but inside each other.
  const std::string piece = "{ " + repeated("a.", 30) + "a = ";
  EXPECT_NE(
      refused("x = " + repeated(piece, 200) + "1" + repeated(" }", 200) + "\n").find("more than 128 deep"),
      std::string::npos);
  EXPECT_NE(refused("x = " + repeated("[", 100000)), "accepted");
}

TEST(Document, DotsInTextsNumbersAndCommentsAreNoNames) {
  const std::string dots = repeated("..", 100);
  const std::string text = "a = \"\\\"" + dots + "\"  # " + dots + "\nb = '" + dots + "'\nc = \"\"\"\n" +
                           dots + "\"'\n\"\"\"\nd = '''\n" + dots + "'\n'''\ne = [" + repeated("1.5, ", 200) +
                           "1.5]\n" + repeated("n.", 31) + "n = 1\n";
  const Node node = Node::parse_toml(text, "s.toml");
  EXPECT_EQ(node["b"].text(), dots);
  EXPECT_EQ(node["c"].text(), dots + "\"'\n");
  EXPECT_EQ(node["e"].list().size(), 201u);
  EXPECT_TRUE(node.has("n"));
}

}  // namespace
}  // namespace hone
