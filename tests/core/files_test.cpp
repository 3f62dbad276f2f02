#include "core/files.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "tests/support/errors.h"
#include "tests/support/golden.h"

namespace larmor {
namespace {

namespace fs = std::filesystem;
using testing::data_error;
using testing::make_temporary_folder;
using testing::run_error;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// While it lives, no file of this process can grow over `bytes`: what a full disk looks like to a writer.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST(Files, ReadGivesBackWhatWasWritten) {
  const fs::path folder = make_temporary_folder("files");
  const std::string content("a\0b\r\n\xff", 6);
  write_file_atomically(folder / "a.bin", content);
  EXPECT_EQ(read_file(folder / "a.bin"), content);
  write_file_atomically(folder / "a.bin", "");
  EXPECT_EQ(read_file(folder / "a.bin"), "");
  write_file_atomically(folder / "a.bin", [](const auto& write) {
    write("one ", 4);
    write(nullptr, 0);
    write("two", 3);
  });
  EXPECT_EQ(read_file(folder / "a.bin"), "one two");
  EXPECT_EQ(names_in(folder), std::vector<std::string>{"a.bin"});
}

TEST(Files, WritingWorksInTheCurrentFolder) {
  const fs::path before = fs::current_path();
  const fs::path folder = make_temporary_folder("files");
  fs::current_path(folder);
  write_file_atomically("bare.txt", "x");
  fs::current_path(before);
  EXPECT_EQ(read_file(folder / "bare.txt"), "x");
}

TEST(Files, WritingThroughALinkKeepsTheLink) {
  const fs::path folder = make_temporary_folder("files");
  make_folder(folder / "real");
  write_file_atomically(folder / "real/a.txt", "old");
  fs::create_symlink("real/a.txt", folder / "link.txt");
  write_file_atomically(folder / "link.txt", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link.txt"));
  EXPECT_EQ(read_file(folder / "real/a.txt"), "new");
}

TEST(Files, AppendAddsWholeLines) {
  const fs::path file = make_temporary_folder("files") / "log.txt";
  append_line(file, "one");
  append_line(file, "");
  append_line(file, "three");
  EXPECT_EQ(read_file(file), "one\n\nthree\n");
}

TEST(Files, MapShowsTheFileAndOutlivesIt) {
  const fs::path file = make_temporary_folder("files") / "a.bin";
  write_file_atomically(file, "mapped");
  const MappedFile map(file);
  const MappedFile copy = map;
  fs::remove(file);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(copy.bytes().data()), copy.bytes().size()), "mapped");

  write_file_atomically(file, "");
  EXPECT_TRUE(MappedFile(file).bytes().empty());
}

TEST(Files, MakeFolderMakesParentsAndAcceptsAnExistingOne) {
  const fs::path folder = make_temporary_folder("files");
  make_folder(folder / "a/b/c");
  make_folder(folder / "a/b/c");
  EXPECT_TRUE(fs::is_directory(folder / "a/b/c"));
}

TEST(FilesError, ReadingNamesFileAndReason) {
  const fs::path folder = make_temporary_folder("files");
  const std::string missing = (folder / "no.txt").string();
  for (const auto& read : std::vector<std::function<void(const fs::path&)>>{[](const fs::path& f) { read_file(f); },
                                                                            [](const fs::path& f) { MappedFile map(f); }}) {
    EXPECT_EQ(data_error([&] { read(missing); }), missing + ": cannot be read: No such file or directory");
    EXPECT_EQ(data_error([&] { read(folder); }), folder.string() + ": is a folder, not a file");
    EXPECT_EQ(data_error([&] { read("/dev/null"); }), "/dev/null: is a device or pipe, not a file");
  }
  const fs::path pipe = folder / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(data_error([&] { read_file(pipe); }), pipe.string() + ": is a device or pipe, not a file");
}

TEST(Files, FoldersAreListedSorted) {
  const fs::path folder = testing::make_temporary_folder("files");
  for (const char* name : {"b", "a.tif", ".hidden"}) write_file_atomically(folder / name, "x");
  make_folder(folder / "c");
  EXPECT_EQ(list_folder(folder), (std::vector<std::string>{"a.tif", "b", "c"}));
  EXPECT_TRUE(is_folder(folder / "c"));
  EXPECT_FALSE(is_folder(folder / "b"));
  EXPECT_FALSE(is_folder(folder / "missing"));
  EXPECT_EQ(testing::data_error([&] { list_folder(folder / "missing"); }),
            (folder / "missing").string() + ": cannot be listed: No such file or directory");
}

TEST(FilesError, WritingNamesFileAndReason) {
  const fs::path folder = make_temporary_folder("files");
  const std::string file = (folder / "no/a.txt").string();
  EXPECT_EQ(run_error([&] { write_file_atomically(file, "x"); }), file + ": cannot be written: No such file or directory");
  EXPECT_EQ(run_error([&] { append_line(file, "x"); }), file + ": cannot be written: No such file or directory");
  EXPECT_EQ(run_error([&] { write_file_atomically(folder, "x"); }), folder.string() + ": cannot be written: Is a directory");
  EXPECT_EQ(names_in(folder), std::vector<std::string>{});
  write_file_atomically(folder / "plain", "x");
  EXPECT_EQ(run_error([&] { make_folder(folder / "plain"); }), (folder / "plain").string() + ": cannot make this folder: Not a directory");
  EXPECT_EQ(run_error([&] { make_folder(folder / "plain/sub"); }),
            (folder / "plain/sub").string() + ": cannot make this folder: Not a directory");
}

TEST(FilesError, FullDiskIsNamed) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  EXPECT_EQ(run_error([] { append_line("/dev/full", "x"); }), "/dev/full: cannot be written: No space left on device");
}

TEST(FilesError, FileThatCannotGrowLeavesTheOldOneAndNothingElse) {
  const fs::path folder = make_temporary_folder("files");
  const fs::path file = folder / "last.safetensors";
  write_file_atomically(file, "old content");
  const std::string large(100'000, 'x');
  std::string message;
  {
    const FileSizeLimit limit(4096);
    message = run_error([&] { write_file_atomically(file, large); });
  }
  EXPECT_EQ(message, file.string() + ": cannot be written: File too large");
  EXPECT_EQ(read_file(file), "old content");
  EXPECT_EQ(names_in(folder), std::vector<std::string>{"last.safetensors"});
}

TEST(FilesError, FailureOfTheProducerLeavesTheOldOneAndNothingElse) {
  const fs::path folder = make_temporary_folder("files");
  const fs::path file = folder / "a.txt";
  write_file_atomically(file, "old content");
  const auto produce = [](const auto& write) {
    write("half", 4);
    throw_data_error("the source ended");
  };
  EXPECT_EQ(data_error([&] { write_file_atomically(file, produce); }), "the source ended");
  EXPECT_EQ(read_file(file), "old content");
  EXPECT_EQ(names_in(folder), std::vector<std::string>{"a.txt"});
}

TEST(Checksums, Crc32KnownValues) {
  EXPECT_EQ(crc32(""), 0u);
  EXPECT_EQ(crc32("123456789"), 0xCBF43926u);  // the check value of the CRC catalogue
  EXPECT_EQ(crc32("a"), 0xE8B7BE43u);
}

RC_GTEST_PROP(Checksums, Crc32ContinuesOverPieces, (const std::string& text)) {
  const auto cut = *rc::gen::inRange<size_t>(0, text.size() + 1);
  const std::string_view view = text;
  RC_ASSERT(crc32(bytes_of(view.substr(cut)), crc32(view.substr(0, cut))) == crc32(view));
}

TEST(Checksums, Sha256KnownValues) {
  // FIPS 180-4 examples, and lengths around the padding's edges as coreutils' sha256sum computes them.
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {std::string(1'000'000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
      {std::string(55, 'a'), "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
      {std::string(56, 'a'), "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
      {std::string(63, 'a'), "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"},
      {std::string(64, 'a'), "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
      {std::string(65, 'a'), "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0"},
      {std::string(119, 'a'), "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb"},
      {std::string(120, 'a'), "2f3d335432c70b580af0e8e1b3674a7c020d683aa5f73aaaedfdc55af904c21c"}};
  for (const auto& [text, digest] : cases) EXPECT_EQ(sha256(bytes_of(text)), digest) << text.size();
}

TEST(Files, LeftoversOfDeadProcessesAreRemoved) {
  const fs::path folder = make_temporary_folder("leftovers");
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  const std::string kept = fmt::format(".last.safetensors.{}-0.tmp", ::getpid());
  for (const std::string& name : {fmt::format(".last.safetensors.{}-3.tmp", child), kept, std::string("a.tmp"), std::string(".b.x-1.tmp"),
                                  std::string("last.safetensors")}) {
    write_file_atomically(folder / name, "x");
  }
  remove_unfinished_files(folder);
  EXPECT_EQ(names_in(folder), (std::vector<std::string>{".b.x-1.tmp", kept, "a.tmp", "last.safetensors"}));
  remove_unfinished_files(folder / "none");
}

}  // namespace
}  // namespace larmor
