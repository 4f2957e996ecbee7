# Reads a JSON file and orders on standard input; joins, sorts and reports. Uses the standard library as programs do.
require "json"
require "set"
require "digest"
require "time"
require "erb"

products = JSON.parse(File.read("/data/products.json"), symbolize_names: true).to_h { [_1[:id], _1] }
Order = Struct.new(:line, :customer, :product, :count, :at) do
  def total = product[:price] * count
end

orders = []
errors = []
STDIN.each_line.with_index(1) do |text, line|
  case text
  when /\A(?<at>\S+)\s+(?<who>[[:alpha:]]+)\s+(?<count>\d+)x(?<id>\w+)\s*\z/
    product = products[$~[:id]] or next errors << "line #{line}: no product #{$~[:id]}"
    orders << Order.new(line, $~[:who].capitalize, product, $~[:count].to_i, Time.iso8601($~[:at]))
  when /\A\s*(#.*)?\Z/
  else
    errors << "line #{line}: cannot read #{text.chomp.inspect}"
  end
end

puts "#{orders.size} orders by #{orders.map(&:customer).to_set.size} customers"
orders.group_by(&:customer).sort_by { |name, list| [-list.sum(&:total), name] }.each do |name, list|
  puts format("%-8s %8.2f  %s", name, list.sum(&:total), list.map { "#{_1.count} #{_1.product[:name]}" }.join(", "))
end
puts errors

first, last = orders.minmax_by(&:at)
puts "from #{first.at.utc.iso8601} to #{last.at.utc.iso8601}: #{((last.at - first.at) / 3600).round(2)} hours"

# A big number, a fiber, an exception through an ensure, lazy enumeration, a frozen string.
puts (2**200).digits.sum
squares = Fiber.new { 3.times { |i| Fiber.yield(i * i) }; :done }
p 4.times.map { squares.resume }
begin
  begin
    Integer("forty")
  ensure
    puts "cleaned up"
  end
rescue ArgumentError => error
  puts "#{error.class}: #{error.message}"
end
p (1..Float::INFINITY).lazy.select { |n| n % 3 == 0 }.map { |n| n * n }.first(5)
begin
  "text".freeze << "more"
rescue => error
  puts error.class
end
puts catch(:found) { [3, 1, 4, 1, 5].each { |n| throw :found, n if n > 3 } }

summary = { orders: orders.size, revenue: orders.sum(&:total).round(2), errors: errors.size }
File.write("/data/summary.json", JSON.pretty_generate(summary))
puts Digest::SHA256.hexdigest(File.binread("/data/summary.json"))
puts ERB.new("<% summary.each do |k, v| %><%= k %>=<%= v %>;<% end %>").result(binding)
puts Dir.children("/data").sort.inspect
puts ARGV.inspect, ENV["LABEL"]
GC.start
puts 100_000.times.map { |i| "object #{i}" }.uniq.size
exit 3
