// Stand-in for Vitis's header: the interface of hls::stream, without a simulation.
#ifndef HLS_STREAM_H_
#define HLS_STREAM_H_

namespace hls {

template <class T, int DEPTH = 0>
class stream;

template <class T>
class stream<T, 0> {
  public:
    stream() {}
    explicit stream(const char*) {}
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;

    bool empty() const;
    bool full() const;
    T read();
    void read(T& value);
    bool read_nb(T& value);
    void write(const T& value);
    bool write_nb(const T& value);
    void operator>>(T& value);
    void operator<<(const T& value);
    unsigned size() const;
    unsigned capacity() const;
};

template <class T, int DEPTH>
class stream : public stream<T, 0> {
  public:
    stream() {}
    explicit stream(const char* name) : stream<T, 0>(name) {}
};

}  // namespace hls

#endif  // HLS_STREAM_H_
