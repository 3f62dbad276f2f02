#include "core/safetensors.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numeric>
#include <set>

#include "core/error.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"

namespace larmor {
namespace {

namespace fs = std::filesystem;
using testing::data_error;
using testing::make_temporary_folder;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

/// A file with this JSON header and so many bytes of data.
std::string make_file(const std::string& header, size_t data_size = 0) {
  std::string file;
  for (size_t i = 0; i < 8; ++i) file += static_cast<char>(static_cast<uint64_t>(header.size()) >> (8 * i));
  return file + header + std::string(data_size, 'x');
}

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

SafetensorsFile parse(const std::string& file) { return SafetensorsFile::parse(bytes_of(file), "w.safetensors"); }

TEST(Safetensors, ReadsTensorsInTheOrderOfTheirBytes) {
  const std::string file = make_file("{" + tensor("b", "F32", "[2,3]", "[3,27]") + "," + tensor("a", "U8", "[3]", "[0,3]") +
                                         ",\"__metadata__\":{\"format\":\"pt\"}," + tensor("empty", "I64", "[0,7]", "[27,27]") + "," +
                                         tensor("scalar", "F64", "[]", "[27,35]") + "}   ",
                                     35);
  const SafetensorsFile read = parse(file);
  ASSERT_EQ(read.tensors().size(), 4u);
  EXPECT_EQ(read.tensors()[0].name, "a");
  EXPECT_EQ(read.tensors()[1].name, "b");
  EXPECT_EQ(read.tensors()[1].type, DType::f32);
  EXPECT_EQ(read.tensors()[1].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(read.tensors()[1].bytes.data() - read.tensors()[0].bytes.data(), 3);
  EXPECT_EQ(read.find("empty")->bytes.size(), 0u);
  EXPECT_EQ(read.find("scalar")->bytes.size(), 8u);
  EXPECT_EQ(read.find("none"), nullptr);
  EXPECT_EQ(read.metadata(), (std::map<std::string, std::string>{{"format", "pt"}}));
  EXPECT_EQ(read.name(), "w.safetensors");
}

TEST(Safetensors, AnEmptyHeaderIsAFileWithoutTensors) { EXPECT_TRUE(parse(make_file("{}")).tensors().empty()); }

TEST(Safetensors, WrittenBytesAreFixed) {
  const fs::path file = make_temporary_folder("safetensors") / "a.safetensors";
  const std::string data = "abcdefgh";
  write_safetensors(file, {{"z", DType::f32, {2}, bytes_of(data)}, {"quote\"", DType::u8, {0}, {}}}, {{"b", "2"}, {"a", "ä\n"}});
  const std::string header = R"({"__metadata__":{"a":"ä\n","b":"2"},"z":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                             R"("quote\"":{"dtype":"U8","shape":[0],"data_offsets":[8,8]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(read_file(file), make_file(padded) + data);
}

TEST(Safetensors, EveryTypeHasItsNameAndSize) {
  const std::vector<std::tuple<DType, std::string, size_t>> types = {
      {DType::boolean, "BOOL", 1}, {DType::u8, "U8", 1},     {DType::i8, "I8", 1},   {DType::i16, "I16", 2}, {DType::u16, "U16", 2},
      {DType::f16, "F16", 2},      {DType::bf16, "BF16", 2}, {DType::i32, "I32", 4}, {DType::u32, "U32", 4}, {DType::f32, "F32", 4},
      {DType::f64, "F64", 8},      {DType::i64, "I64", 8},   {DType::u64, "U64", 8}};
  for (const auto& [type, name, size] : types) {
    EXPECT_EQ(to_string(type), name);
    EXPECT_EQ(size_of(type), size);
    const std::string text = std::to_string(size);
    const std::string file = make_file("{" + tensor("t", name, "[1]", "[0," + text + "]") + "}", size);
    EXPECT_EQ(parse(file).tensors()[0].type, type);
  }
}

TEST(SafetensorsError, TornAndForeignFiles) {
  const auto with_length = [](uint64_t length, const std::string& rest) {
    std::string file;
    for (size_t i = 0; i < 8; ++i) file += static_cast<char>(length >> (8 * i));
    return file + rest;
  };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "0 bytes are too few for a safetensors file"},
      {"1234567", "7 bytes are too few for a safetensors file"},
      {with_length(0, ""), "header does not begin with '{'"},
      {with_length(100, "{}"), "header of 100 bytes, but only 2 follow: the file is cut off"},
      {with_length(100'000'001, "{}"), "header of 100000001 bytes; at most 100000000 are allowed"},
      {with_length(UINT64_MAX, "{}"), "header of 18446744073709551615 bytes; at most 100000000 are allowed"},
      {with_length(100'000'001, ""), "header of 100000001 bytes; at most 100000000 are allowed"},
      {"title: a recipe", "not a safetensors file (no length and JSON header at its start)"},
      {with_length(0x04034B50'14ull << 8, "PK"), "not a safetensors file (no length and JSON header at its start)"},
      {make_file("[]"), "header does not begin with '{'"},
      {make_file(" {}"), "header does not begin with '{'"},
      {make_file("{"), "header is not valid JSON at byte 2"},
      {make_file("{}x"), "header is not valid JSON at byte 3"},
      {make_file("{\"a\":}"), "header is not valid JSON at byte 6"},
      {make_file("{\"\xff\":1}"), "header is not valid JSON at byte 3"},
      {make_file("{\"a\":1e999}"), "header is not valid JSON at byte 10"},
  };
  for (const auto& [file, message] : cases) EXPECT_EQ(data_error([&file = file] { parse(file); }), "w.safetensors: " + message);
}

TEST(SafetensorsError, HeaderEntries) {
  const std::string nested = "\"a\":{\"dtype\":\"F32\",\"shape\":";
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "[";
  std::string many = "[1";
  for (int i = 0; i < 64; ++i) many += ",1";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"\"a\":1", "header: 'a': a number is not allowed"},
      {"\"a\":null", "header: 'a': null is not allowed"},
      {"\"a\":true", "header: 'a': true and false are not allowed"},
      {"\"a\":\"x\"", "header: 'a': text is not allowed"},
      {"\"a\":[]", "header: 'a': a list is not allowed"},
      {"\"a\":" + deep, "header: 'a': a list is not allowed"},
      {"\"a\":{}", "tensor 'a': dtype is missing"},
      {"\"a\":{\"dtype\":\"F32\"}", "tensor 'a': shape is missing"},
      {"\"a\":{\"dtype\":\"F32\",\"shape\":[1]}", "tensor 'a': data_offsets is missing"},
      {nested + "[[1]]", "tensor 'a': shape: a list is not allowed"},
      {nested + "{\"b\":1}}", "tensor 'a': shape: an object is not allowed"},
      {nested + "3}", "tensor 'a': shape: a number is not allowed"},
      {nested + "[-1]}", "tensor 'a': shape: -1 is negative"},
      {nested + "[1.0]}", "tensor 'a': shape: '1.0' is not a whole number"},
      {nested + "[1e3]}", "tensor 'a': shape: '1e3' is not a whole number"},
      {nested + "[9223372036854775808]}", "tensor 'a': shape: 9223372036854775808 is too large"},
      {nested + "[99999999999999999999]}", "tensor 'a': shape: '99999999999999999999' is not a whole number"},
      {nested + many + "]}", "tensor 'a': shape: more than 64 numbers"},
      {nested + "[1],\"shape\":[1]}", "tensor 'a': duplicate key 'shape'"},
      {nested + "[1],\"extra\":1}", "tensor 'a': unknown field 'extra'; allowed: dtype, shape, data_offsets"},
      {"\"a\":{\"dtype\":\"F8_E4M3\"}",
       "tensor 'a': unknown dtype 'F8_E4M3'; allowed: BOOL, U8, I8, I16, U16, F16, BF16, I32, U32, F32, F64, I64, U64"},
      {"\"a\":{\"dtype\":[1]}", "tensor 'a': dtype: a list is not allowed"},
      {"\"a\":{\"shape\":\"F32\"}", "tensor 'a': shape: text is not allowed"},
      {tensor("a", "F32", "[1]", "[0]"), "tensor 'a': data_offsets: 1 numbers instead of 2"},
      {tensor("a", "F32", "[1]", "[0,4,8]"), "tensor 'a': data_offsets: more than 2 numbers"},
      {tensor("a", "U8", "[1]", "[0,1]") + "," + tensor("a", "U8", "[1]", "[1,2]"), "header: duplicate key 'a'"},
      {"\"__metadata__\":1", "header: '__metadata__': a number is not allowed"},
      {"\"__metadata__\":{\"k\":1}", "metadata: 'k': a number is not allowed"},
      {"\"__metadata__\":{\"k\":{}}", "metadata: 'k': an object is not allowed"},
      {"\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}", "metadata: duplicate key 'k'"},
      {"\"bad\\nname\":1", "header: 'bad\\x0aname': a number is not allowed"},
  };
  for (const auto& [entry, message] : cases) {
    EXPECT_EQ(data_error([&entry = entry] { parse(make_file("{" + entry + "}", 16)); }), "w.safetensors: " + message)
        << entry.substr(0, 100);
  }
}

TEST(SafetensorsError, OffsetsAndShapes) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {tensor("a", "F32", "[4]", "[16,0]"), "tensor 'a': data_offsets [16, 0] are out of order"},
      {tensor("a", "F32", "[3]", "[0,16]"), "tensor 'a': data_offsets hold 16 bytes, but shape [3] of F32 needs 12"},
      {tensor("a", "F32", "[8]", "[0,32]"), "tensor 'a': ends at byte 32 of the data, which has 16: the file is cut off"},
      {tensor("a", "F32", "[3]", "[0,12]"), "4 bytes after the last tensor"},
      {"", "16 bytes after the last tensor"},
      {tensor("a", "F32", "[3]", "[4,16]"), "tensor 'a': begins at byte 4 instead of 0: leaves a hole before it"},
      {tensor("a", "U8", "[4]", "[0,4]") + "," + tensor("b", "U8", "[8]", "[8,16]"),
       "tensor 'b': begins at byte 8 instead of 4: leaves a hole before it"},
      {tensor("a", "U8", "[12]", "[0,12]") + "," + tensor("b", "U8", "[8]", "[8,16]"),
       "tensor 'b': begins at byte 8 instead of 12: overlaps the tensor before it"},
      {tensor("a", "U8", "[16]", "[0,16]") + "," + tensor("b", "U8", "[0]", "[4,4]"),
       "tensor 'b': begins at byte 4 instead of 16: overlaps the tensor before it"},
      {tensor("a", "F32", "[4611686018427387904,4]", "[0,0]"), "tensor 'a': shape [4611686018427387904, 4] overflows"},
      {tensor("a", "F64", "[0,2147483648,2147483648]", "[0,0]"), "tensor 'a': shape [0, 2147483648, 2147483648] overflows"},
      {tensor("a", "F32", "[4]", "[9223372036854775807,9223372036854775807]"),
       "tensor 'a': data_offsets hold 0 bytes, but shape [4] of F32 needs 16"},
  };
  for (const auto& [entry, message] : cases) {
    EXPECT_EQ(data_error([&entry = entry] { parse(make_file("{" + entry + "}", 16)); }), "w.safetensors: " + message) << entry;
  }
}

TEST(SafetensorsError, OpenNamesTheFile) {
  const fs::path file = make_temporary_folder("safetensors") / "torn.safetensors";
  write_file_atomically(file, "12345");
  EXPECT_EQ(data_error([&] { SafetensorsFile::open(file); }), file.string() + ": 5 bytes are too few for a safetensors file");
}

TEST(Safetensors, NoDamageToAFileDoesMoreThanAnError) {
  const std::string data(12, 'd');
  const fs::path path = make_temporary_folder("safetensors") / "a.safetensors";
  write_safetensors(path, {{"a", DType::f32, {2}, bytes_of(data).first(8)}, {"b", DType::u8, {2, 2}, bytes_of(data).last(4)}},
                    {{"k", "v"}});
  const std::string whole = read_file(path);
  const auto survives = [](const std::string& damaged) {
    try {
      parse(damaged);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  };
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_THROW(parse(whole.substr(0, length)), Error) << length;
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    for (int value = 0; value < 256; ++value) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(value);
      survives(damaged);
    }
  }
}

TEST(Safetensors, MisuseOfTheWriterIsABug) {
  const std::string data(8, 'd');
  const TensorView good{"a", DType::f32, {2}, bytes_of(data)};
  EXPECT_DEATH(write_safetensors("/nowhere/a", {good, good}), "assertion failed");
  EXPECT_DEATH(write_safetensors("/nowhere/a", {{"__metadata__", DType::f32, {2}, bytes_of(data)}}), "assertion failed");
  EXPECT_DEATH(write_safetensors("/nowhere/a", {{"a", DType::f32, {3}, bytes_of(data)}}), "assertion failed");
}

RC_GTEST_PROP(Safetensors, WriteThenReadGivesTheSame, (const std::map<std::string, std::string>& texts, std::vector<uint8_t> data)) {
  static const fs::path folder = make_temporary_folder("safetensors");
  // rapidcheck's strings are any bytes; names are UTF-8 text.
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : texts) metadata[key + "é\"\n"] = value;
  const auto is_ascii = [](const std::string& text) { return std::all_of(text.begin(), text.end(), [](char c) { return c > 0; }); };
  std::erase_if(metadata,
                [&](const auto& pair) { return !is_ascii(pair.first.substr(0, pair.first.size() - 4)) || !is_ascii(pair.second); });

  std::vector<TensorView> tensors;
  size_t offset = 0;
  while (offset < data.size() && tensors.size() < 5) {
    const auto type = *rc::gen::elementOf(std::vector<DType>{DType::boolean, DType::u8, DType::bf16, DType::f32, DType::i64});
    const auto rows = *rc::gen::inRange<size_t>(0, 3);
    const auto columns = *rc::gen::inRange<size_t>(0, 4);
    const size_t size = rows * columns * size_of(type);
    if (offset + size > data.size()) break;
    tensors.push_back({"tensor/" + std::to_string(tensors.size()) + "\t",
                       type,
                       {static_cast<int64_t>(rows), static_cast<int64_t>(columns)},
                       std::as_bytes(std::span(data)).subspan(offset, size)});
    offset += size + 1;
  }
  write_safetensors(folder / "a", tensors, metadata);
  write_safetensors(folder / "b", tensors, metadata);
  const SafetensorsFile read = SafetensorsFile::open(folder / "a");
  RC_ASSERT(read_file(folder / "a") == read_file(folder / "b"));
  RC_ASSERT(read.metadata() == metadata);
  RC_ASSERT(read.tensors().size() == tensors.size());
  for (const TensorView& written : tensors) {
    const TensorView* found = read.find(written.name);
    RC_ASSERT(found != nullptr);
    RC_ASSERT(found->type == written.type);
    RC_ASSERT(found->shape == written.shape);
    RC_ASSERT(std::equal(found->bytes.begin(), found->bytes.end(), written.bytes.begin(), written.bytes.end()));
  }
}

// Files that the Python library wrote; every one of the golden folder.
TEST(SafetensorsGolden, ReadsEveryFileAndWritesItsTensorsBack) {
  const fs::path one = testing::golden_file("tta.safetensors");
  LARMOR_NEEDS(one, "tta.safetensors");
  const fs::path copy = make_temporary_folder("safetensors") / "copy";
  size_t files = 0, tensors = 0;
  for (const auto& entry : fs::directory_iterator(one.parent_path())) {
    if (entry.path().extension() != ".safetensors") continue;
    const SafetensorsFile original = SafetensorsFile::open(entry.path());
    write_safetensors(copy, original.tensors(), original.metadata());
    const SafetensorsFile read = SafetensorsFile::open(copy);
    ASSERT_EQ(read.tensors().size(), original.tensors().size());
    for (size_t i = 0; i < read.tensors().size(); ++i) {
      const TensorView &a = read.tensors()[i], &b = original.tensors()[i];
      EXPECT_TRUE(a.name == b.name && a.type == b.type && a.shape == b.shape && std::ranges::equal(a.bytes, b.bytes)) << b.name;
    }
    ++files, tensors += read.tensors().size();
  }
  std::cout << files << " files, " << tensors << " tensors\n";
  EXPECT_GT(tensors, 0u);
}

}  // namespace
}  // namespace larmor
