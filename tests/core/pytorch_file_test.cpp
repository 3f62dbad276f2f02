#include "core/pytorch_file.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/pytorch_writer.h"

namespace larmor {
namespace {

using testing::Around;
using testing::StoredTensor;

std::vector<float> floats(const TensorView& view) {
  std::vector<float> values(view.bytes.size() / sizeof(float));
  std::memcpy(values.data(), view.bytes.data(), view.bytes.size());
  return values;
}

StoredTensor six(const std::string& name, const std::string& key = "0") {
  return {name, "FloatStorage", key, testing::bytes_of<float>({0, 1, 2, 3, 4, 5}), 6, 0, {2, 3}, {3, 1}};
}
StoredTensor transposed(const std::string& name, const std::string& key = "0") {
  StoredTensor tensor = six(name, key);
  tensor.shape = {3, 2};
  tensor.strides = {1, 3};
  return tensor;
}
StoredTensor counter(const std::string& name, const std::string& key = "1") {
  return {name, "LongStorage", key, testing::bytes_of<int64_t>({3}), 1, 0, {}, {}};
}

PyTorchFile parse(const std::string& content) { return PyTorchFile::parse(std::as_bytes(std::span(content)), "w.pth"); }
std::string refusal(const std::string& content) {
  return testing::data_error([&] { parse(content); });
}
std::string refusal_of(const StoredTensor& tensor) { return refusal(testing::zip_file({tensor})); }

void expect_six(const std::string& content, PyTorchLayout layout) {
  const PyTorchFile file = parse(content);
  EXPECT_EQ(file.layout(), layout);
  ASSERT_EQ(file.tensors().size(), 3u);
  EXPECT_EQ(file.tensors()[0].name, "c.a");
  EXPECT_EQ(floats(file.tensors()[0]), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(file.tensors()[1].shape, (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(floats(file.tensors()[1]), (std::vector<float>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(file.tensors()[2].type, DType::i64);
  EXPECT_EQ(file.tensors()[2].bytes.size(), 8u);
}

TEST(PyTorchFile, EveryLayout) {
  const std::vector<StoredTensor> tensors = {six("c.a"), transposed("c.b"), counter("c.n")};
  expect_six(testing::zip_file(tensors), PyTorchLayout::zip);
  expect_six(testing::zip_file(tensors, Around::checkpoint, "0", /*is_deflated=*/true), PyTorchLayout::zip);
  expect_six(testing::stream_file(tensors), PyTorchLayout::stream);
  expect_six(testing::tar_file(tensors), PyTorchLayout::tar);
  expect_six(testing::torchscript_file(tensors), PyTorchLayout::torchscript);
}

/// The files of the corpus were written by torch.save of PyTorch 2.11: {'state_dict': {'w': arange(6).view(2, 3).t(), 'n': 3}, 'epoch': 1}.
TEST(PyTorchFile, TheTestsOwnWriterIsTrue) {
  const auto corpus = testing::source_dir() / "tests/fuzz/corpus/pytorch";
  const std::string zip = read_file(corpus / "zip");
  const size_t id_at = zip.rfind("serialization_id", zip.find("PK\x01\x02"));
  const std::string id = zip.substr(zip.find("PK\x07\x08", id_at) - 40, 40);
  EXPECT_EQ(testing::zip_file({transposed("w"), counter("n")}, Around::checkpoint, id), zip);
  const std::string stream = read_file(corpus / "stream");
  EXPECT_EQ(testing::stream_file({transposed("w", "94658874099232"), counter("n", "94658769962480")}, Around::checkpoint), stream);
  EXPECT_EQ(parse(zip).notes(), (std::vector<std::string>{"took 'state_dict', left epoch"}));
}

TEST(PyTorchFile, TypesAndByteOrder) {
  const std::vector<std::pair<std::string, DType>> table = {
      {"HalfStorage", DType::f16}, {"BFloat16Storage", DType::bf16}, {"ShortStorage", DType::i16}};
  for (const auto& [storage, type] : table) {
    const StoredTensor tensor{"w", storage, "0", "\x01\x02\x03\x04", 2, 0, {2}, {1}};
    const std::string as_little = testing::zip_file({tensor}), as_big = testing::zip_file({tensor}, Around::nothing, "0", false, "big");
    const PyTorchFile little = parse(as_little), big = parse(as_big);
    EXPECT_EQ(little.tensors()[0].type, type);
    EXPECT_EQ(std::memcmp(little.tensors()[0].bytes.data(), "\x01\x02\x03\x04", 4), 0);
    EXPECT_EQ(std::memcmp(big.tensors()[0].bytes.data(), "\x02\x01\x04\x03", 4), 0);
  }
  EXPECT_EQ(refusal(testing::zip_file({six("w")}, Around::nothing, "0", false, "middle")),
            "w.pth: its byte order 'middle' is neither little nor big");
}

TEST(PyTorchFile, ViewsOfOneStorage) {
  StoredTensor part = six("part"), repeated = six("repeated"), empty = six("empty");
  part.offset = 2, part.shape = {2}, part.strides = {2};
  repeated.offset = 5, repeated.shape = {3}, repeated.strides = {0};
  empty.shape = {0, 7}, empty.strides = {7, 1};
  const std::string content = testing::stream_file({part, repeated, empty, six("whole")});
  const PyTorchFile file = parse(content);
  EXPECT_EQ(floats(file.tensors()[0]), (std::vector<float>{2, 4}));
  EXPECT_EQ(floats(file.tensors()[1]), (std::vector<float>{5, 5, 5}));
  EXPECT_EQ(file.tensors()[2].bytes.size(), 0u);
  EXPECT_EQ(floats(file.tensors()[3]).size(), 6u);
}

TEST(PyTorchFileError, TensorsOutsideTheirStorage) {
  StoredTensor far = six("w"), wide = six("w"), negative = six("w"), overflow = six("w"), huge = six("w"), torn = six("w");
  far.offset = 1;
  EXPECT_EQ(refusal_of(far), "w.pth: tensor 'w': reaches element 6 of its storage, which has 6");
  wide.strides = {4, 1};
  EXPECT_EQ(refusal_of(wide), "w.pth: tensor 'w': reaches element 6 of its storage, which has 6");
  negative.offset = -1;
  EXPECT_EQ(refusal_of(negative), "w.pth: a size or an offset that is no whole number of 0 or more");
  overflow.shape = {3, 3}, overflow.strides = {int64_t{1} << 62, 1};
  EXPECT_EQ(refusal_of(overflow), "w.pth: tensor 'w': a size overflows");
  huge.shape = {int64_t{1} << 40}, huge.strides = {0};
  EXPECT_EQ(refusal_of(huge), "w.pth: its tensors are more than 16 times as large as what it stores");
  torn.storage.pop_back();
  EXPECT_EQ(refusal_of(torn), "w.pth: its storage 'zip/data/0' has 23 bytes instead of 24");
  EXPECT_EQ(refusal(testing::stream_file({torn})), "w.pth: its storage '0' has 6 elements, but only 23 bytes follow: the file is cut off");
}

TEST(PyTorchFileError, EveryCutIsRefused) {
  const std::vector<StoredTensor> tensors = {six("c.a"), counter("c.n")};
  for (const std::string& whole : {testing::zip_file(tensors), testing::stream_file(tensors)}) {
    for (size_t size = 0; size < whole.size(); ++size) EXPECT_TRUE(refusal(whole.substr(0, size)).starts_with("w.pth: ")) << size;
  }
}

TEST(PyTorchFileError, HostilePicklesInEveryLayout) {
  const std::string hostile = testing::PickleWriter().name("os", "system").text("true").raw("\x85R").finish();
  const std::string refused = "w.pth: pickle names 'os.system', which is no part of tensors; nothing was executed";
  testing::ZipWriter zip;
  zip.add("a/data.pkl", hostile);
  EXPECT_EQ(refusal(zip.finish()), refused);
  EXPECT_EQ(refusal(testing::stream_file_of(hostile, {})), refused);
  EXPECT_EQ(refusal(testing::tar_archive({{"storages", hostile}, {"tensors", ""}, {"pickle", ""}})), refused);
  EXPECT_EQ(refusal(hostile), refused);
}

TEST(PyTorchFileError, NoStateDict) {
  const auto stream = [](testing::PickleWriter& pickle) { return refusal(testing::stream_file_of(pickle.finish(), {})); };
  testing::PickleWriter cycle, number, only, deep;
  EXPECT_EQ(stream(cycle.raw("}").remember().text("model").raw(std::string("h\0s", 3))), "w.pth: no state dict in it, only model");
  EXPECT_EQ(stream(number.integer(3)), "w.pth: holds no tensors by name");
  EXPECT_EQ(stream(only.raw("}(").text("epoch").integer(1).text("lr").raw("Nu")), "w.pth: no state dict in it, only epoch, lr");
  // A module inside itself.
  deep.name("__torch__", "Net").raw(")\x81").remember().raw("}(").text("a").raw(std::string("h\x01ub", 4));
  EXPECT_EQ(stream(deep), "w.pth: its modules are nested deeper than 64");
}

/// A chain of modules, each of which holds the next one twice: 2^60 paths to its end.
TEST(PyTorchFileError, SharedModulesThatStandForEndlesslyMany) {
  const auto recall = [](uint8_t index) { return "h" + std::string(1, static_cast<char>(index)); };
  testing::PickleWriter pickle;
  pickle.name("torch.nn", "Module").raw("0").text("_modules").raw("0").text("a").raw("0").text("b").raw("0");
  pickle.raw(recall(0) + ")\x81}").text("_modules").raw("}sb").remember();
  for (uint8_t inner = 4; inner < 64; ++inner) {
    pickle.raw("0" + recall(0) + ")\x81}").text("_modules").raw("}(").text("a").raw(recall(inner)).text("b").raw(recall(inner) + "usb");
    pickle.remember();
  }
  EXPECT_EQ(refusal(testing::stream_file_of(pickle.finish(), {})), "w.pth: its names have more than 67108864 bytes");
}

/// Two thousand references to one module of two thousand attributes, walked each time.
TEST(PyTorchFileError, SharedAttributes) {
  constexpr size_t kMany = 2000;
  testing::PickleWriter pickle;
  pickle.name("__torch__", "Net").raw(")\x81}(");
  for (size_t i = 0; i < kMany; ++i) pickle.text("x").raw("N");
  pickle.raw("ub").remember().raw("0").name("__torch__", "Net").raw(")\x81}(");
  for (size_t i = 0; i < kMany; ++i) pickle.text("a").raw("h\x02");
  pickle.raw("ub");
  EXPECT_EQ(refusal(testing::stream_file_of(pickle.finish(), {})), "w.pth: its dictionaries and modules have more than 4000000 entries");
}

testing::PickleWriter& write_buffers(testing::PickleWriter& pickle, const std::vector<std::string>& buffers,
                                     const std::vector<std::string>& without) {
  pickle.name("torch.nn", "Module").raw(")\x81}(").text("_parameters").raw("}").text("_buffers").raw("}(");
  for (const std::string& name : buffers) pickle.text(name).name("torch._utils", "_rebuild_tensor_v2").raw("(tR");
  pickle.raw("u").text("_non_persistent_buffers_set").raw("](");
  for (const std::string& name : without) pickle.text(name);
  return pickle.raw("eub");
}

TEST(PyTorchFile, BuffersThatAreNotPersistentAreLeft) {
  testing::PickleWriter all, some;
  const auto refused = [](testing::PickleWriter& pickle) { return refusal(testing::stream_file_of(pickle.finish(), {})); };
  EXPECT_EQ(refused(write_buffers(all, {"a", "b"}, {"c", "b", "a"})), "w.pth: holds no tensors by name");
  EXPECT_EQ(refused(write_buffers(some, {"a", "b"}, {"c", "b"})), "w.pth: a damaged description of a tensor") << "of a";
}

/// Each of so many buffers looked up in so long a list would take minutes.
TEST(PyTorchFileError, ManyBuffersThatAreNotPersistent) {
  constexpr size_t kMany = 300'000;
  testing::PickleWriter pickle;
  write_buffers(pickle, std::vector<std::string>(kMany, "a"), std::vector<std::string>(kMany, "b"));
  EXPECT_EQ(refusal(testing::stream_file_of(pickle.finish(), {})), "w.pth: two tensors are called 'a'");
}

TEST(PyTorchFileError, NamesAndKeys) {
  EXPECT_EQ(refusal_of(six("\xff")), "w.pth: the name of tensor 1 is not UTF-8 text");
  const StoredTensor long_key = six("w", std::string(300, 'k'));
  EXPECT_EQ(refusal(testing::stream_file({long_key})), "w.pth: a storage with a key of 300 bytes; at most 256 are allowed");
}

/// _rebuild_tensor_v2 and _v3 end in a dictionary of bits, where there is one.
std::string file_with_metadata(bool has_type, const std::string& flag, bool value) {
  testing::PickleWriter pickle;
  pickle.raw("}").text("w").name("torch._utils", has_type ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2").raw("((").text("storage");
  pickle.name("torch", "FloatStorage").text("0").text("cpu").integer(1).raw("tQ").integer(0).tuple({1}).tuple({1}).raw("\x89)");
  if (has_type) pickle.name("torch", "float32");
  pickle.raw("}").text(flag).raw(value ? "\x88s" : "\x89s").raw("tRs");
  testing::ZipWriter zip;
  zip.add("a/data.pkl", pickle.finish());
  zip.add("a/data/0", testing::bytes_of<float>({2}));
  return zip.finish();
}

TEST(PyTorchFileError, BitsThatStandForOperations) {
  for (const bool has_type : {false, true}) {
    for (const std::string flag : {"neg", "conj"}) {
      const std::string unset = file_with_metadata(has_type, flag, false);
      EXPECT_EQ(floats(parse(unset).tensors()[0]), std::vector<float>{2});
      EXPECT_EQ(refusal(file_with_metadata(has_type, flag, true)),
                "w.pth: holds a tensor with its " + flag + " bit set, which is not read; store tensor.resolve_" + flag + "()");
    }
  }
}

TEST(PyTorchFileError, OtherFiles) {
  EXPECT_EQ(refusal("hello"), "w.pth: not a file of PyTorch: neither a zip archive nor a pickle nor a tar archive");
  EXPECT_EQ(refusal(testing::PickleWriter().integer(3).finish()), "w.pth: a pickle, but not of PyTorch (its magic number is missing)");
  testing::ZipWriter other, old;
  other.add("readme.txt", "x");
  EXPECT_EQ(refusal(other.finish()), "w.pth: a zip archive, but none of PyTorch (no data.pkl in it)");
  old.add("net/model.json", "{}");
  EXPECT_EQ(refusal(old.finish()), "w.pth: TorchScript of before PyTorch 1.4, which is not read; load and save it with a newer one");
  EXPECT_EQ(refusal(testing::tar_archive({{"x", ""}})), "w.pth: a tar archive, but none of PyTorch (no storages in it)");
  StoredTensor complex = six("w");
  complex.storage_type = "ComplexFloatStorage";
  EXPECT_EQ(refusal_of(complex), "w.pth: holds a tensor of type 'torch.ComplexFloatStorage', which is not read");
}

}  // namespace
}  // namespace larmor
