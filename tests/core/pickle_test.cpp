#include "core/pickle.h"

#include <gtest/gtest.h>

#include "tests/support/errors.h"
#include "tests/support/pytorch_writer.h"

namespace larmor {
namespace {

using testing::PickleWriter;

PickleTree read(const std::string& pickle) {
  size_t position = 0;
  return read_pickle(std::as_bytes(std::span(pickle)), position, "w.pth");
}
std::string refusal(const std::string& pickle) {
  return testing::data_error([&] { read(pickle); });
}
std::string refusal_of_name(const std::string& name) {
  return "w.pth: pickle names '" + name + "', which is no part of tensors; nothing was executed";
}
std::string text(const std::string& text) { return "X" + std::string(1, static_cast<char>(text.size())) + std::string(3, '\0') + text; }

TEST(Pickle, ValuesOfEveryProtocol) {
  const std::string plain = "(lp0\nI1\naI01\naL5L\naS'a'\naVb\na.";  // protocol 0
  const PickleTree tree = read(plain);
  ASSERT_EQ(tree.top().items.size(), 5u);
  EXPECT_EQ(tree[tree.top().items[0]].number, 1);
  EXPECT_EQ(tree[tree.top().items[1]].kind, PickleKind::boolean);
  EXPECT_EQ(tree[tree.top().items[2]].number, 5);
  EXPECT_EQ(tree[tree.top().items[3]].text, "a");
  EXPECT_EQ(tree[tree.top().items[4]].text, "b");
  EXPECT_EQ(read(PickleWriter().integer(-3).finish()).top().number, -3);
  EXPECT_EQ(read(PickleWriter().integer(int64_t{1} << 40).finish()).top().number, int64_t{1} << 40);
  EXPECT_EQ(read("\x8a\x01\xfe.").top().number, -2);
}

TEST(Pickle, CyclesAreNoTrouble) {
  const PickleTree tree = read("]q" + std::string(1, '\0') + "h" + std::string(1, '\0') + "a.");
  EXPECT_EQ(tree.top().items.front(), tree.root);
}

TEST(Pickle, WhatCheckpointsHoldBesidesIsPassedOver) {
  const std::string scalar = "cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n" + text("f8") + "\x85R" + text("12345678") + "tR.";
  EXPECT_EQ(read(scalar).top().kind, PickleKind::opaque);
  EXPECT_EQ(read("cargparse\nNamespace\n)\x81}" + text("lr") + "K\x01sb.").top().kind, PickleKind::opaque);
  EXPECT_EQ(read("ctorch\nfloat32\n.").top().text, "torch.float32");
  EXPECT_EQ(read("c__builtin__\nset\n](K\x01K\x02"
                 "e\x85R.")
                .top()
                .items.size(),
            2u);
}

TEST(PickleError, HostileNames) {
  EXPECT_EQ(refusal("\x80\x02"
                    "cos\nsystem\n" +
                    text("true") + "\x85R."),
            refusal_of_name("os.system"));
  EXPECT_EQ(refusal("cposix\nsystem\n."), refusal_of_name("posix.system"));
  EXPECT_EQ(refusal("cbuiltins\neval\n."), refusal_of_name("builtins.eval"));
  EXPECT_EQ(refusal("c__builtin__\neval\n."), refusal_of_name("__builtin__.eval"));
  EXPECT_EQ(refusal("\x80\x04\x8c\x08"
                    "builtins\x8c\x04"
                    "exec\x93."),
            refusal_of_name("builtins.exec"));
  EXPECT_EQ(refusal("\x80\x04\x8c\x02"
                    "os\x8c\x0b"
                    "path.expand\x93."),
            refusal_of_name("os.path.expand"));
  EXPECT_EQ(refusal("ctorch\nload\n."), refusal_of_name("torch.load"));
  EXPECT_EQ(refusal("ctorch.hub\nload\n."), refusal_of_name("torch.hub.load"));
  EXPECT_EQ(refusal("c__main__\nNet\n."), refusal_of_name("__main__.Net"));
  EXPECT_EQ(refusal("ca\x1b[31m\nb\n."), refusal_of_name("a\\x1b[31m.b"));
  EXPECT_EQ(refusal("ctorch._utils\n_rebuild_sparse_tensor\n."),
            "w.pth: holds a tensor made by 'torch._utils._rebuild_sparse_tensor', which is not read; store it as a plain (dense, "
            "unquantised) one");
}

TEST(PickleError, HostileOpcodes) {
  EXPECT_EQ(refusal("\x82\x01."), "w.pth: pickle has opcode 0x82 at byte 0, which is no part of tensors; nothing was executed");  // EXT1
  EXPECT_EQ(refusal("(ios\nsystem\n."), "w.pth: pickle has opcode 0x69 at byte 1, which is no part of tensors; nothing was executed");
  EXPECT_EQ(refusal("K\x01)R."), "w.pth: pickle calls what is no name at byte 3; nothing was executed");
  EXPECT_EQ(refusal("Nr\xff\xff\xff\xff."), "w.pth: pickle has a memo of more than 4000000 values");
  EXPECT_EQ(refusal(std::string(kMostPickleValues + 1, ']')), "w.pth: pickle has more than 4000000 values");
}

/// Marks, copies and recalled values cost one byte each, and memory.
TEST(PickleError, WhateverFillsTheStackIsCounted) {
  const std::string refused = "w.pth: pickle has more than 4000000 values";
  std::string recalls = "Nq" + std::string(1, '\0');
  for (size_t i = 0; i < kMostPickleValues; ++i) recalls += std::string_view("h\0", 2);
  EXPECT_EQ(refusal(std::string(kMostPickleValues + 1, '(')), refused);
  EXPECT_EQ(refusal("N" + std::string(kMostPickleValues, '2')), refused);
  EXPECT_EQ(refusal(recalls), refused);
}

/// A name may be made of remembered text again and again.
TEST(PickleError, LongAndManyNames) {
  EXPECT_EQ(refusal("ctorch.nn." + std::string(2000, 'a') + "\nb\n."), "w.pth: pickle has a name of 2010 bytes; at most 1024 are allowed");
  const std::string again(
      "h\0h\1\x93"
      "0",
      6);
  PickleWriter pickle;
  pickle.text("torch.nn." + std::string(1000, 'a')).raw("0").text("b").raw("0");
  for (size_t i = 0; i < 70'000; ++i) pickle.raw(again);
  EXPECT_EQ(refusal(pickle.finish()), "w.pth: pickle has names of more than 67108864 bytes");
}

TEST(PickleError, DamagedOrCutOff) {
  EXPECT_EQ(refusal(""), "w.pth: pickle needs 1 bytes at byte 0, but only 0 follow: the file is cut off");
  EXPECT_EQ(refusal("X\xff\xff\xff\x7f"
                    "abc"),
            "w.pth: pickle needs 2147483647 bytes at byte 5, but only 3 follow: the file is cut off");
  EXPECT_EQ(refusal("cos"), "w.pth: pickle has no end of line after byte 1: the file is cut off");
  EXPECT_EQ(refusal("."), "w.pth: pickle is damaged at byte 0: the stack is empty");
  EXPECT_EQ(refusal("(."), "w.pth: pickle is damaged at byte 1: the stack is empty");
  EXPECT_EQ(refusal("t."), "w.pth: pickle is damaged at byte 0: a mark is missing");
  EXPECT_EQ(refusal("h\x05."), "w.pth: pickle is damaged at byte 0: it recalls what was not stored");
  EXPECT_EQ(refusal("}(K\x01u."), "w.pth: pickle is damaged at byte 4: a key without a value");
  EXPECT_EQ(refusal("K\x01K\x02"
                    "a."),
            "w.pth: pickle is damaged at byte 4: elements for what is no list");
  EXPECT_EQ(refusal("\x80\x06N."), "w.pth: pickle is damaged at byte 0: protocol above 5");
}

}  // namespace
}  // namespace larmor
