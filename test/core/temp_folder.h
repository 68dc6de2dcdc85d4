// A temporary directory for a test, and files in it.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

#include <stdlib.h>

class TempFolder
{
  public:
	TempFolder()
	{
		std::string name = (std::filesystem::temp_directory_path() / "etl_test_XXXXXX").string();
		if (mkdtemp(name.data()) == nullptr)
			throw std::runtime_error("mkdtemp failed");
		path_ = name;
	}
	~TempFolder()
	{
		std::error_code ignored;
		std::filesystem::remove_all(path_, ignored);
	}
	TempFolder(const TempFolder &) = delete;
	TempFolder &operator=(const TempFolder &) = delete;

	std::string file(const std::string &name) const { return path_ + "/" + name; }
	std::string write(const std::string &name, std::string_view bytes) const
	{
		std::ofstream out(file(name), std::ios::binary | std::ios::trunc);
		out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
		if (!out.flush())
			throw std::runtime_error("could not write " + file(name));
		return file(name);
	}
	static std::string read(const std::string &path)
	{
		std::ifstream in(path, std::ios::binary);
		return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
	}

  private:
	std::string path_;
};
