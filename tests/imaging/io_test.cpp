#include "imaging/io.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "core/files.h"
#include "tests/imaging/support.h"
#include "tests/support/golden.h"

namespace larmor::imaging {
namespace {

namespace fs = std::filesystem;

TEST(ExtensionTest, KnownOnesInAnyCase) {
  EXPECT_EQ(known_extensions(), ".tif, .tiff, .png, .nii, .nii.gz, .nrrd, .nhdr");
  for (const char* name : {"a.tif", "b/a.TIFF", "a.Png", "a.nii", "a.1.nii.gz", "a.nrrd", "a.seg.nrrd", "a.nhdr"})
    EXPECT_TRUE(has_known_extension(name)) << name;
  for (const char* name : {"a", "a.gz", "a.jpg", "tif", ".tif", "a.tif.part", "b.nii/"}) EXPECT_FALSE(has_known_extension(name)) << name;
}

RC_GTEST_PROP(ImageFileTest, ReadsBackWhatItWrites, ()) {
  const std::string extension = *rc::gen::element<std::string>(".tif", ".tiff", ".png", ".nii", ".nii.gz", ".nrrd", ".nhdr");
  const bool is_png = extension == ".png";
  const PixelType type = is_png ? *rc::gen::element(PixelType::u8, PixelType::u16)
                                : *rc::gen::element(PixelType::u8, PixelType::i16, PixelType::u16, PixelType::i32, PixelType::f32);
  const Image image = *any_image(type, *rc::gen::element<int64_t>(1, 3), is_png ? 1 : 3);
  const fs::path file = testing::make_temporary_folder("io") / ("a" + extension);
  write_image(file, image);
  const Image back = read_image(file);
  RC_ASSERT(back.size == image.size);
  RC_ASSERT(back.channels == image.channels);
  RC_ASSERT(back.type == image.type);
  RC_ASSERT(back.bytes == image.bytes);
  RC_ASSERT(back.geometry == image.geometry);
  const ImageHeader header = read_header(file);
  RC_ASSERT(header.size == image.size);
  RC_ASSERT(header.channels == image.channels);
  RC_ASSERT(header.type == image.type);
  RC_ASSERT(header.geometry == back.geometry);
}

TEST(ImageFileTest, KeepsGeometryOfANiftiSlice) {
  Image image = image_of<uint8_t>({2, 1, 1}, {1, 2});
  image.geometry = {{0.5, 2, 4}, {-10, 20, 30}, {0, 0, -1, -1, 0, 0, 0, 1, 0}, true};
  const fs::path file = testing::make_temporary_folder("io") / "a.nii.gz";
  write_image(file, image);
  EXPECT_EQ(read_image(file).geometry, image.geometry);
}

TEST(ImageFileTest, ManyThreadsReadTheSame) {
  const fs::path folder = testing::make_temporary_folder("io");
  std::vector<fs::path> files;
  std::vector<Image> images;
  for (const char* name : {"a.tif", "a.png", "a.nii.gz"}) {
    Image image = Image::make({40, 30, 1}, 1, PixelType::u16);
    for (int64_t i = 0; i < image.elements(); ++i) image.data<uint16_t>()[i] = static_cast<uint16_t>(i * 7);
    files.push_back(folder / name);
    images.push_back(image);
    write_image(files.back(), image);
  }
  std::atomic<int> equal = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (size_t i = 0; i < 60; ++i) equal += read_image(files[i % 3]).bytes == images[i % 3].bytes ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(equal, 240);
}

TEST(ImageFileError, NamesFileAndReason) {
  const fs::path folder = testing::make_temporary_folder("io");
  write_file_atomically(folder / "empty.tif", "");
  write_file_atomically(folder / "text.tif", "this is no picture");
  write_file_atomically(folder / "text.png", "this is no picture");
  write_file_atomically(folder / "text.nii", "this is no picture");
  write_file_atomically(folder / "text.nii.gz", "this is no picture");
  write_file_atomically(folder / "a.jpg", "this is no picture");
  fs::create_directory(folder / "folder.tif");
  ASSERT_EQ(::mkfifo((folder / "pipe.png").c_str(), 0600), 0);
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"missing.tif", "cannot be read: No such file or directory"},
      {"folder.tif", "is a folder, not a file"},
      {"pipe.png", "is a device or pipe, not a file"},
      {"empty.tif", "is empty"},
      {"text.tif", "is not a TIFF file"},
      {"text.png", "is not a PNG file"},
      {"text.nii", "is not a NIfTI file"},
      {"text.nii.gz", "is not a gzip file"},
      {"a.jpg", "unknown image format; allowed: .tif, .tiff, .png, .nii, .nii.gz, .nrrd, .nhdr"},
  };
  for (const auto& [name, reason] : cases) {
    const std::string message = (folder / name).string() + ": " + reason;
    EXPECT_EQ(testing::data_error([&, file = folder / name] { read_image(file); }), message);
    EXPECT_EQ(testing::data_error([&, file = folder / name] { read_header(file); }), message);
  }
}

TEST(ImageFileError, FormatsThatCannotHoldTheImage) {
  const Image bytes = Image::make({2, 2, 1}, 1, PixelType::u8);
  const Image floats = Image::make({2, 2, 3}, 2, PixelType::f32);
  EXPECT_EQ(testing::usage_error([&] { write_image("a.jpg", bytes); }),
            "a.jpg: unknown image format; allowed: .tif, .tiff, .png, .nii, .nii.gz, .nrrd, .nhdr");
  EXPECT_EQ(testing::usage_error([&] { write_image("a.png", floats); }),
            "a.png: PNG holds one slice of u8 or u16 with 1 or 3 channels, not 3 slices of f32 with 2; write .nii.gz or .tif");
  const Image many = Image::make({1, 1, 1}, 70000, PixelType::u8);
  EXPECT_EQ(testing::usage_error([&] { write_image("a.tif", many); }),
            "a.tif: TIFF holds at most 65535 slices and channels, not 1 and 70000");
}

/// No file of this process may grow beyond `bytes` while it lives: what a full disk looks like to a writer.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

TEST(ImageFileError, AFullDiskKeepsTheOldFile) {
  const fs::path folder = testing::make_temporary_folder("io");
  const Image small = Image::make({2, 2, 1}, 1, PixelType::u8);
  Image large = Image::make({100, 100, 1}, 1, PixelType::u8);
  for (int64_t i = 0; i < large.elements(); ++i) large.data<uint8_t>()[i] = static_cast<uint8_t>(i * i >> 3);
  for (const char* name : {"a.tif", "a.png", "a.nii", "a.nii.gz", "a.nrrd"}) {
    const fs::path file = folder / name;
    write_image(file, small);
    std::string error;
    {
      const SmallDisk disk(400);
      error = testing::run_error([&] { write_image(file, large); });
    }
    EXPECT_EQ(error, file.string() + ": cannot be written: File too large");
    EXPECT_EQ(read_image(file).bytes, small.bytes);
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 5);
}

TEST(ImageFileError, AFolderThatIsNotThere) {
  const Image image = Image::make({2, 2, 1}, 1, PixelType::u8);
  const fs::path file = testing::make_temporary_folder("io") / "missing" / "a.nii";
  EXPECT_EQ(testing::run_error([&] { write_image(file, image); }), file.string() + ": cannot be written: No such file or directory");
}

}  // namespace
}  // namespace larmor::imaging
