# A long computation with blocks, fibers, exceptions and big numbers, between waits for input and for time.
def collatz(n) = n == 1 ? 0 : 1 + collatz(n.even? ? n / 2 : 3 * n + 1)

words = Fiber.new do
  loop { Fiber.yield $stdin.gets&.chomp }
end
round = 0
while (word = words.resume)
  round += 1
  longest = (1..1500).map { |n| [collatz(n), n] }.max
  counts = Hash.new { |hash, key| hash[key] = key.to_s.reverse }
  sum = (1..3000).inject { |a, n| (a * 31 + counts[n % 97].to_i) % 1_000_003 }
  digits = (1..200).reduce(:*).to_s.chars.tally.sort.map(&:last)
  failed = (1..300).count { |n| begin; raise ArgumentError, "odd" if n.odd?; rescue ArgumentError; true; ensure; sum += 1; end }
  puts "#{round} #{word}: #{longest} #{sum} #{digits.sum} #{failed} #{counts.size}"
  $stdout.flush
  sleep 0.05
end
puts "end after #{round}"
